-- What the runtime role may do, table by table (docs/adr/0008). PUBLIC has nothing.
GRANT USAGE ON SCHEMA "cert" TO {{app_role}};
--> statement-breakpoint
-- What an authority is (name, subject, key, URLs) has no UPDATE at all; the rest is filled in while it is made.
GRANT SELECT, INSERT ON "cert"."authorities" TO {{app_role}};
--> statement-breakpoint
GRANT UPDATE ("state", "spki", "certificate_id", "certificate", "chain", "not_before", "not_after", "version") ON "cert"."authorities" TO {{app_role}};
--> statement-breakpoint
-- Intents are never deleted, and their bytes never changed.
GRANT SELECT, INSERT ON "cert"."certificates", "cert"."crls" TO {{app_role}};
--> statement-breakpoint
GRANT UPDATE ("state", "der", "fingerprint_sha256", "replaced_by", "revoked_at", "revocation_reason", "renew_from", "version") ON "cert"."certificates" TO {{app_role}};
--> statement-breakpoint
GRANT UPDATE ("state", "der") ON "cert"."crls" TO {{app_role}};
--> statement-breakpoint
-- A revocation stands for ever.
GRANT SELECT, INSERT ON "cert"."revocations" TO {{app_role}};
--> statement-breakpoint
GRANT UPDATE ("listed_past_expiry") ON "cert"."revocations" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT ON "cert"."crl_shards" TO {{app_role}};
--> statement-breakpoint
GRANT UPDATE ("next_number", "revision", "published_revision", "due_at", "failures", "retry_at", "current_crl_id") ON "cert"."crl_shards" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "cert"."reconciliation" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON "cert"."requests" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "cert"."leases" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "cert"."outbox" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "cert"."outbox_state", "cert"."outbox_consumers" TO {{app_role}};
