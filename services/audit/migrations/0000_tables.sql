CREATE TABLE "audit"."bodies" (
	"index" bigint NOT NULL,
	"project" text NOT NULL,
	"source" text NOT NULL,
	"type" text NOT NULL,
	"actor_kind" text NOT NULL,
	"actor" text NOT NULL,
	"subject" text NOT NULL,
	"action" text NOT NULL,
	"result" text NOT NULL,
	"time" timestamp (3) with time zone NOT NULL,
	"canonical_event" text NOT NULL,
	"salt" "bytea" NOT NULL,
	CONSTRAINT "bodies_pkey" PRIMARY KEY("index")
);
--> statement-breakpoint
CREATE TABLE "audit"."checkpoint_state" (
	"singleton" boolean DEFAULT true NOT NULL,
	"tree_size" bigint NOT NULL,
	"vouched_at" timestamp with time zone NOT NULL,
	CONSTRAINT "checkpoint_state_pkey" PRIMARY KEY("singleton"),
	CONSTRAINT "checkpoint_state_singleton_check" CHECK (singleton)
);
--> statement-breakpoint
CREATE TABLE "audit"."checkpoints" (
	"tree_size" bigint NOT NULL,
	"root_hash" "bytea" NOT NULL,
	"origin" text NOT NULL,
	"signed_note" text NOT NULL,
	"verifier_key" text NOT NULL,
	"signed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "checkpoints_pkey" PRIMARY KEY("tree_size"),
	CONSTRAINT "checkpoints_root_hash_check" CHECK (octet_length(root_hash) = 32)
);
--> statement-breakpoint
CREATE TABLE "audit"."conflicts" (
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "audit"."conflicts_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"source" text NOT NULL,
	"number" bigint NOT NULL,
	"event_id" uuid NOT NULL,
	"index" bigint NOT NULL,
	"offered_leaf" "bytea" NOT NULL,
	"offered" "bytea" NOT NULL,
	"detected_at" timestamp with time zone NOT NULL,
	CONSTRAINT "conflicts_pkey" PRIMARY KEY("id"),
	CONSTRAINT "conflicts_story_key" UNIQUE("source","number","kind","offered_leaf")
);
--> statement-breakpoint
CREATE TABLE "audit"."entries" (
	"index" bigint NOT NULL,
	"source" text NOT NULL,
	"number" bigint NOT NULL,
	"event_id" uuid NOT NULL,
	"project" text NOT NULL,
	"leaf_data" "bytea" NOT NULL,
	"problem" text,
	"integrated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "entries_pkey" PRIMARY KEY("index"),
	CONSTRAINT "entries_source_number_key" UNIQUE("source","number"),
	CONSTRAINT "entries_event_id_key" UNIQUE("event_id"),
	CONSTRAINT "entries_index_check" CHECK (index >= 0),
	CONSTRAINT "entries_leaf_data_check" CHECK (octet_length(leaf_data) = 33)
);
--> statement-breakpoint
CREATE TABLE "audit"."leases" (
	"name" text NOT NULL,
	"holder" text NOT NULL,
	"fence" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "leases_pkey" PRIMARY KEY("name"),
	CONSTRAINT "leases_fence_key" UNIQUE("name","fence")
);
--> statement-breakpoint
CREATE TABLE "audit"."outbox" (
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "audit"."outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"event_id" uuid NOT NULL,
	"number" bigint,
	"body" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outbox_pkey" PRIMARY KEY("id"),
	CONSTRAINT "outbox_event_id_key" UNIQUE("event_id"),
	CONSTRAINT "outbox_number_key" UNIQUE("number")
);
--> statement-breakpoint
CREATE TABLE "audit"."outbox_consumers" (
	"name" text NOT NULL,
	"number" bigint NOT NULL,
	"reported_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outbox_consumers_pkey" PRIMARY KEY("name")
);
--> statement-breakpoint
CREATE TABLE "audit"."outbox_state" (
	"only" boolean DEFAULT true NOT NULL,
	"last_number" bigint DEFAULT 0 NOT NULL,
	"published_number" bigint DEFAULT 0 NOT NULL,
	"pruned_number" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "outbox_state_pkey" PRIMARY KEY("only"),
	CONSTRAINT "outbox_state_only_check" CHECK ("only")
);
--> statement-breakpoint
CREATE TABLE "audit"."positions" (
	"source" text NOT NULL,
	"number" bigint NOT NULL,
	CONSTRAINT "positions_pkey" PRIMARY KEY("source")
);
--> statement-breakpoint
CREATE TABLE "audit"."raw_bodies" (
	"index" bigint NOT NULL,
	"raw" "bytea",
	CONSTRAINT "raw_bodies_pkey" PRIMARY KEY("index")
);
--> statement-breakpoint
CREATE TABLE "audit"."requests" (
	"key" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	"resource" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "requests_pkey" PRIMARY KEY("key")
);
--> statement-breakpoint
CREATE TABLE "audit"."tiles" (
	"level" smallint NOT NULL,
	"index" bigint NOT NULL,
	"root" "bytea" NOT NULL,
	"hashes" "bytea" NOT NULL,
	CONSTRAINT "tiles_pkey" PRIMARY KEY("level","index"),
	CONSTRAINT "tiles_root_check" CHECK (octet_length(root) = 32),
	CONSTRAINT "tiles_hashes_check" CHECK (octet_length(hashes) = 8192)
);
--> statement-breakpoint
CREATE TABLE "audit"."tree_state" (
	"singleton" boolean DEFAULT true NOT NULL,
	"size" bigint NOT NULL,
	"range" "bytea" NOT NULL,
	"held_reason" text,
	"held_at" timestamp with time zone,
	CONSTRAINT "tree_state_pkey" PRIMARY KEY("singleton"),
	CONSTRAINT "tree_state_singleton_check" CHECK (singleton)
);
--> statement-breakpoint
CREATE INDEX "bodies_type_idx" ON "audit"."bodies" USING btree ("project","type","index");--> statement-breakpoint
CREATE INDEX "bodies_subject_idx" ON "audit"."bodies" USING btree ("project","subject","index");--> statement-breakpoint
CREATE INDEX "bodies_actor_idx" ON "audit"."bodies" USING btree ("project","actor","index");--> statement-breakpoint
CREATE INDEX "bodies_action_idx" ON "audit"."bodies" USING btree ("project","action","index");--> statement-breakpoint
CREATE INDEX "bodies_source_idx" ON "audit"."bodies" USING btree ("project","source","index");--> statement-breakpoint
CREATE INDEX "bodies_time_idx" ON "audit"."bodies" USING btree ("project","time","index");--> statement-breakpoint
CREATE INDEX "bodies_result_idx" ON "audit"."bodies" USING btree ("project","result","index") WHERE result <> 'RESULT_SUCCESS';--> statement-breakpoint
CREATE INDEX "entries_project_idx" ON "audit"."entries" USING btree ("project","index");--> statement-breakpoint
CREATE INDEX "outbox_unstamped_idx" ON "audit"."outbox" USING btree ("id") WHERE number is null;--> statement-breakpoint
CREATE INDEX "requests_created_at_idx" ON "audit"."requests" USING btree ("created_at");