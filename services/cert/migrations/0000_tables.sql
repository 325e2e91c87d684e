CREATE TABLE "cert"."authorities" (
	"uid" uuid PRIMARY KEY NOT NULL,
	"project" text NOT NULL,
	"id" text NOT NULL,
	"type" text NOT NULL,
	"state" text NOT NULL,
	"subject" jsonb NOT NULL,
	"subject_der" "bytea" NOT NULL,
	"issuer_uid" uuid NOT NULL,
	"issuer_id" text NOT NULL,
	"key_name" text NOT NULL,
	"key_algorithm" text NOT NULL,
	"spki" "bytea",
	"certificate_id" uuid,
	"certificate" "bytea",
	"chain" "bytea"[] NOT NULL,
	"lifetime_ms" bigint NOT NULL,
	"not_before" timestamp (3) with time zone,
	"not_after" timestamp (3) with time zone,
	"crl_shard_count" integer NOT NULL,
	"pki_base_url" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"recorded_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"version" bigint NOT NULL,
	CONSTRAINT "authorities_name" UNIQUE("project","id"),
	CONSTRAINT "authorities_state" CHECK (state in ('creating', 'active')),
	CONSTRAINT "authorities_complete" CHECK (state <> 'active' or (spki is not null and certificate is not null and not_after is not null)),
	CONSTRAINT "authorities_shards" CHECK (crl_shard_count between 1 and 128)
);
--> statement-breakpoint
CREATE TABLE "cert"."certificates" (
	"id" uuid PRIMARY KEY NOT NULL,
	"project" text NOT NULL,
	"state" text NOT NULL,
	"authority_uid" uuid NOT NULL,
	"authority_id" text NOT NULL,
	"profile" text NOT NULL,
	"profile_revision" integer NOT NULL,
	"serial" "bytea" NOT NULL,
	"subject" text NOT NULL,
	"dns_names" text[] NOT NULL,
	"ip_addresses" text[] NOT NULL,
	"uris" text[] NOT NULL,
	"email_addresses" text[] NOT NULL,
	"not_before" timestamp (3) with time zone NOT NULL,
	"not_after" timestamp (3) with time zone NOT NULL,
	"tbs" "bytea" NOT NULL,
	"spki" "bytea" NOT NULL,
	"spki_sha256" "bytea" NOT NULL,
	"der" "bytea",
	"fingerprint_sha256" "bytea",
	"crl_shard" integer NOT NULL,
	"labels" jsonb NOT NULL,
	"renew_from" timestamp (3) with time zone NOT NULL,
	"renew_by" timestamp (3) with time zone NOT NULL,
	"renewed_from" uuid,
	"replaced_by" uuid,
	"revoked_at" timestamp (3) with time zone,
	"revocation_reason" smallint,
	"request_key" "bytea",
	"created_at" timestamp (3) with time zone NOT NULL,
	"recorded_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"version" bigint NOT NULL,
	CONSTRAINT "certificates_issuer_serial" UNIQUE("authority_uid","serial"),
	CONSTRAINT "certificates_state" CHECK (state in ('pending', 'issued', 'revoked', 'failed')),
	CONSTRAINT "certificates_released" CHECK ((state in ('issued', 'revoked')) = (der is not null)),
	CONSTRAINT "certificates_revoked" CHECK ((state = 'revoked') = (revoked_at is not null and revocation_reason is not null)),
	CONSTRAINT "certificates_serial" CHECK (octet_length(serial) = 20)
);
--> statement-breakpoint
CREATE TABLE "cert"."crl_shards" (
	"authority_uid" uuid NOT NULL,
	"shard" integer NOT NULL,
	"next_number" bigint NOT NULL,
	"revision" bigint NOT NULL,
	"published_revision" bigint NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"retry_at" timestamp (3) with time zone,
	"current_crl_id" uuid,
	CONSTRAINT "crl_shards_authority_uid_shard_pk" PRIMARY KEY("authority_uid","shard")
);
--> statement-breakpoint
CREATE TABLE "cert"."crls" (
	"id" uuid PRIMARY KEY NOT NULL,
	"authority_uid" uuid NOT NULL,
	"shard" integer NOT NULL,
	"number" bigint NOT NULL,
	"state" text NOT NULL,
	"tbs" "bytea" NOT NULL,
	"der" "bytea",
	"this_update" timestamp (3) with time zone NOT NULL,
	"next_update" timestamp (3) with time zone NOT NULL,
	"revision" bigint NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "crls_number" UNIQUE("authority_uid","shard","number"),
	CONSTRAINT "crls_state" CHECK (state in ('pending', 'published', 'failed')),
	CONSTRAINT "crls_published" CHECK ((state = 'published') = (der is not null))
);
--> statement-breakpoint
CREATE TABLE "cert"."leases" (
	"name" text NOT NULL,
	"holder" text NOT NULL,
	"fence" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "leases_pkey" PRIMARY KEY("name"),
	CONSTRAINT "leases_fence_key" UNIQUE("name","fence")
);
--> statement-breakpoint
CREATE TABLE "cert"."outbox" (
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "cert"."outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"event_id" uuid NOT NULL,
	"number" bigint,
	"body" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outbox_pkey" PRIMARY KEY("id"),
	CONSTRAINT "outbox_event_id_key" UNIQUE("event_id"),
	CONSTRAINT "outbox_number_key" UNIQUE("number")
);
--> statement-breakpoint
CREATE TABLE "cert"."outbox_consumers" (
	"name" text NOT NULL,
	"number" bigint NOT NULL,
	"reported_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outbox_consumers_pkey" PRIMARY KEY("name")
);
--> statement-breakpoint
CREATE TABLE "cert"."outbox_state" (
	"only" boolean DEFAULT true NOT NULL,
	"last_number" bigint DEFAULT 0 NOT NULL,
	"published_number" bigint DEFAULT 0 NOT NULL,
	"pruned_number" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "outbox_state_pkey" PRIMARY KEY("only"),
	CONSTRAINT "outbox_state_only_check" CHECK ("only")
);
--> statement-breakpoint
CREATE TABLE "cert"."reconciliation" (
	"id" integer PRIMARY KEY NOT NULL,
	"position" bigint NOT NULL,
	CONSTRAINT "reconciliation_only" CHECK (id = 1)
);
--> statement-breakpoint
CREATE TABLE "cert"."requests" (
	"key" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	"resource" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "requests_pkey" PRIMARY KEY("key")
);
--> statement-breakpoint
CREATE TABLE "cert"."revocations" (
	"certificate_id" uuid PRIMARY KEY NOT NULL,
	"authority_uid" uuid NOT NULL,
	"shard" integer NOT NULL,
	"serial" "bytea" NOT NULL,
	"revoked_at" timestamp (3) with time zone NOT NULL,
	"reason" smallint NOT NULL,
	"not_after" timestamp (3) with time zone NOT NULL,
	"revision" bigint NOT NULL,
	"listed_past_expiry" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE INDEX "authorities_by_age" ON "cert"."authorities" USING btree ("project","created_at","uid");--> statement-breakpoint
CREATE INDEX "authorities_unfinished" ON "cert"."authorities" USING btree ("uid") WHERE state = 'creating';--> statement-breakpoint
CREATE INDEX "certificates_by_age" ON "cert"."certificates" USING btree ("project","created_at","id");--> statement-breakpoint
CREATE INDEX "certificates_by_expiry" ON "cert"."certificates" USING btree ("project","not_after","id");--> statement-breakpoint
CREATE INDEX "certificates_by_key" ON "cert"."certificates" USING btree ("project","spki_sha256");--> statement-breakpoint
CREATE INDEX "certificates_by_fingerprint" ON "cert"."certificates" USING btree ("project","fingerprint_sha256");--> statement-breakpoint
CREATE INDEX "certificates_by_serial" ON "cert"."certificates" USING btree ("project","serial");--> statement-breakpoint
CREATE INDEX "certificates_by_dns_name" ON "cert"."certificates" USING gin ("dns_names");--> statement-breakpoint
CREATE INDEX "certificates_pending" ON "cert"."certificates" USING btree ("id") WHERE state = 'pending';--> statement-breakpoint
CREATE UNIQUE INDEX "certificates_successor" ON "cert"."certificates" USING btree ("replaced_by") WHERE replaced_by is not null;--> statement-breakpoint
CREATE INDEX "certificates_due" ON "cert"."certificates" USING btree ("renew_from","id") WHERE state = 'issued' and replaced_by is null and profile <> 'authority';--> statement-breakpoint
CREATE INDEX "crl_shards_due" ON "cert"."crl_shards" USING btree ("due_at");--> statement-breakpoint
CREATE INDEX "crl_shards_dirty" ON "cert"."crl_shards" USING btree ("authority_uid","shard") WHERE revision > published_revision;--> statement-breakpoint
CREATE UNIQUE INDEX "crls_pending" ON "cert"."crls" USING btree ("authority_uid","shard") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "outbox_unstamped_idx" ON "cert"."outbox" USING btree ("id") WHERE number is null;--> statement-breakpoint
CREATE INDEX "requests_created_at_idx" ON "cert"."requests" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "revocations_by_shard" ON "cert"."revocations" USING btree ("authority_uid","shard","serial");