-- What the runtime role may do, table by table (docs/adr/0008). PUBLIC has nothing.
GRANT USAGE ON SCHEMA "signer" TO {{app_role}};
--> statement-breakpoint
-- Keys are made and disabled. What a key is and may sign has no UPDATE at all.
GRANT SELECT, INSERT ON "signer"."keys", "signer"."key_versions" TO {{app_role}};
--> statement-breakpoint
GRANT UPDATE ("state", "disabled_at", "etag") ON "signer"."keys" TO {{app_role}};
--> statement-breakpoint
-- Signatures are for ever.
GRANT SELECT, INSERT ON "signer"."ledger", "signer"."checkpoint_ledger" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON "signer"."requests" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "signer"."leases" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "signer"."outbox" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "signer"."outbox_state", "signer"."outbox_consumers" TO {{app_role}};
--> statement-breakpoint
-- The trigger says to everybody, the owner included, what the missing grants say to the runtime role.
CREATE FUNCTION "signer"."refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of signer.% are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "signer"."refuse_change"() FROM PUBLIC;
--> statement-breakpoint
CREATE TRIGGER "ledger_insert_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "signer"."ledger" FOR EACH STATEMENT EXECUTE FUNCTION "signer"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "checkpoint_ledger_insert_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "signer"."checkpoint_ledger" FOR EACH STATEMENT EXECUTE FUNCTION "signer"."refuse_change"();
