-- What the runtime role may do, table by table (docs/adr/0008). PUBLIC has nothing.
GRANT USAGE ON SCHEMA "audit" TO {{app_role}};
--> statement-breakpoint
-- The log only grows.
GRANT SELECT, INSERT ON "audit"."entries", "audit"."tiles", "audit"."checkpoints", "audit"."conflicts" TO {{app_role}};
--> statement-breakpoint
-- What leaves commit to can be erased, never rewritten.
GRANT SELECT, INSERT, DELETE ON "audit"."bodies", "audit"."raw_bodies" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, UPDATE ON "audit"."tree_state" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "audit"."positions", "audit"."checkpoint_state" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON "audit"."requests" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "audit"."leases" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "audit"."outbox" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "audit"."outbox_state", "audit"."outbox_consumers" TO {{app_role}};
--> statement-breakpoint
-- The triggers say to everybody, the owner included, what the missing grants say to the runtime role.
CREATE FUNCTION "audit"."refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of audit.% are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "audit"."refuse_change"() FROM PUBLIC;
--> statement-breakpoint
CREATE TRIGGER "entries_insert_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit"."entries" FOR EACH STATEMENT EXECUTE FUNCTION "audit"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "tiles_insert_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit"."tiles" FOR EACH STATEMENT EXECUTE FUNCTION "audit"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "checkpoints_insert_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit"."checkpoints" FOR EACH STATEMENT EXECUTE FUNCTION "audit"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "conflicts_insert_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit"."conflicts" FOR EACH STATEMENT EXECUTE FUNCTION "audit"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "bodies_never_rewritten" BEFORE UPDATE ON "audit"."bodies" FOR EACH STATEMENT EXECUTE FUNCTION "audit"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "raw_bodies_never_rewritten" BEFORE UPDATE ON "audit"."raw_bodies" FOR EACH STATEMENT EXECUTE FUNCTION "audit"."refuse_change"();
--> statement-breakpoint
-- The tree and the positions never go back.
CREATE FUNCTION "audit"."refuse_shrinking"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'audit.% never goes back', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "audit"."refuse_shrinking"() FROM PUBLIC;
--> statement-breakpoint
CREATE TRIGGER "tree_state_only_grows" BEFORE UPDATE ON "audit"."tree_state" FOR EACH ROW WHEN (NEW."size" < OLD."size") EXECUTE FUNCTION "audit"."refuse_shrinking"();
--> statement-breakpoint
CREATE TRIGGER "tree_state_stays" BEFORE DELETE OR TRUNCATE ON "audit"."tree_state" FOR EACH STATEMENT EXECUTE FUNCTION "audit"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "positions_only_grow" BEFORE UPDATE ON "audit"."positions" FOR EACH ROW WHEN (NEW."number" < OLD."number") EXECUTE FUNCTION "audit"."refuse_shrinking"();
--> statement-breakpoint
-- Hashes do not compress: they go straight to where wide values are kept, so that rows of tiles stay narrow.
ALTER TABLE "audit"."tiles" ALTER COLUMN "hashes" SET STORAGE EXTERNAL;
--> statement-breakpoint
-- The empty tree: a compact range from 0 to 0.
INSERT INTO "audit"."tree_state" ("size", "range") VALUES (0, decode(repeat('00', 16), 'hex'));
