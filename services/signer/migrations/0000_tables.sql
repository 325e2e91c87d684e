CREATE TABLE "signer"."checkpoint_ledger" (
	"key_id" uuid NOT NULL,
	"tree_size" bigint NOT NULL,
	"root_hash" "bytea" NOT NULL,
	"note_body" text NOT NULL,
	"signature" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "checkpoint_ledger_pkey" PRIMARY KEY("key_id","tree_size"),
	CONSTRAINT "checkpoint_ledger_tree_size_check" CHECK ("signer"."checkpoint_ledger"."tree_size" >= 0),
	CONSTRAINT "checkpoint_ledger_root_hash_check" CHECK (octet_length("signer"."checkpoint_ledger"."root_hash") = 32)
);
--> statement-breakpoint
CREATE TABLE "signer"."key_versions" (
	"key_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"public_key" "bytea" NOT NULL,
	"sealed" "bytea" NOT NULL,
	"wrapped_data_key" "bytea" NOT NULL,
	"kek_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "key_versions_pkey" PRIMARY KEY("key_id","version")
);
--> statement-breakpoint
CREATE TABLE "signer"."keys" (
	"id" uuid NOT NULL,
	"project" text NOT NULL,
	"name" text NOT NULL,
	"purpose" text NOT NULL,
	"algorithm" text NOT NULL,
	"policy" jsonb NOT NULL,
	"state" text NOT NULL,
	"primary_version" integer NOT NULL,
	"etag" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"disabled_at" timestamp with time zone,
	CONSTRAINT "keys_pkey" PRIMARY KEY("id"),
	CONSTRAINT "keys_project_name_key" UNIQUE("project","name"),
	CONSTRAINT "keys_purpose_check" CHECK ("signer"."keys"."purpose" in ('certificate-authority', 'log-checkpoint')),
	CONSTRAINT "keys_algorithm_check" CHECK ("signer"."keys"."algorithm" in ('ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519')),
	CONSTRAINT "keys_state_check" CHECK (("signer"."keys"."state" = 'enabled' and "signer"."keys"."disabled_at" is null) or ("signer"."keys"."state" = 'disabled' and "signer"."keys"."disabled_at" is not null))
);
--> statement-breakpoint
CREATE TABLE "signer"."leases" (
	"name" text NOT NULL,
	"holder" text NOT NULL,
	"fence" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "leases_pkey" PRIMARY KEY("name"),
	CONSTRAINT "leases_fence_key" UNIQUE("name","fence")
);
--> statement-breakpoint
CREATE TABLE "signer"."ledger" (
	"position" bigint GENERATED ALWAYS AS IDENTITY (sequence name "signer"."ledger_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"intent_id" uuid NOT NULL,
	"key_id" uuid NOT NULL,
	"key_version" integer,
	"kind" text,
	"tbs" "bytea",
	"tbs_sha256" "bytea",
	"signature" "bytea",
	"serial" "bytea",
	"caller" text NOT NULL,
	"state" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "ledger_pkey" PRIMARY KEY("intent_id"),
	CONSTRAINT "ledger_position_key" UNIQUE("position"),
	CONSTRAINT "ledger_key_id_serial_key" UNIQUE("key_id","serial"),
	CONSTRAINT "ledger_state_check" CHECK (("signer"."ledger"."state" = 'signed' and "signer"."ledger"."key_version" is not null and "signer"."ledger"."kind" is not null and "signer"."ledger"."tbs" is not null and octet_length("signer"."ledger"."tbs_sha256") = 32 and "signer"."ledger"."tbs_sha256" is not null and "signer"."ledger"."signature" is not null) or ("signer"."ledger"."state" = 'voided' and "signer"."ledger"."key_version" is null and "signer"."ledger"."kind" is null and "signer"."ledger"."tbs" is null and "signer"."ledger"."tbs_sha256" is null and "signer"."ledger"."signature" is null and "signer"."ledger"."serial" is null)),
	CONSTRAINT "ledger_kind_check" CHECK (("signer"."ledger"."kind" = 'certificate' and "signer"."ledger"."serial" is not null) or ("signer"."ledger"."kind" = 'crl' and "signer"."ledger"."serial" is null) or "signer"."ledger"."kind" is null)
);
--> statement-breakpoint
CREATE TABLE "signer"."outbox" (
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "signer"."outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"event_id" uuid NOT NULL,
	"number" bigint,
	"body" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outbox_pkey" PRIMARY KEY("id"),
	CONSTRAINT "outbox_event_id_key" UNIQUE("event_id"),
	CONSTRAINT "outbox_number_key" UNIQUE("number")
);
--> statement-breakpoint
CREATE TABLE "signer"."outbox_consumers" (
	"name" text NOT NULL,
	"number" bigint NOT NULL,
	"reported_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outbox_consumers_pkey" PRIMARY KEY("name")
);
--> statement-breakpoint
CREATE TABLE "signer"."outbox_state" (
	"only" boolean DEFAULT true NOT NULL,
	"last_number" bigint DEFAULT 0 NOT NULL,
	"published_number" bigint DEFAULT 0 NOT NULL,
	"pruned_number" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "outbox_state_pkey" PRIMARY KEY("only"),
	CONSTRAINT "outbox_state_only_check" CHECK ("only")
);
--> statement-breakpoint
CREATE TABLE "signer"."requests" (
	"key" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	"resource" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "requests_pkey" PRIMARY KEY("key")
);
--> statement-breakpoint
ALTER TABLE "signer"."checkpoint_ledger" ADD CONSTRAINT "checkpoint_ledger_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "signer"."keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "signer"."key_versions" ADD CONSTRAINT "key_versions_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "signer"."keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "key_versions_kek_id_idx" ON "signer"."key_versions" USING btree ("kek_id");--> statement-breakpoint
CREATE INDEX "keys_project_id_idx" ON "signer"."keys" USING btree ("project","id");--> statement-breakpoint
CREATE INDEX "outbox_unstamped_idx" ON "signer"."outbox" USING btree ("id") WHERE number is null;--> statement-breakpoint
CREATE INDEX "requests_created_at_idx" ON "signer"."requests" USING btree ("created_at");