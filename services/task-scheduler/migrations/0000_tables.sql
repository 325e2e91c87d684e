CREATE TABLE "task"."finished_tasks" (
	"id" uuid NOT NULL,
	"project" text NOT NULL,
	"type" text NOT NULL,
	"state" text NOT NULL,
	"priority" smallint NOT NULL,
	"payload" json NOT NULL,
	"labels" json NOT NULL,
	"weight" integer NOT NULL,
	"schedule_at" timestamp (3) with time zone,
	"run_at" timestamp (3) with time zone NOT NULL,
	"deadline_at" timestamp (3) with time zone,
	"attempt_timeout_ms" integer NOT NULL,
	"max_attempts" integer NOT NULL,
	"initial_backoff_ms" integer NOT NULL,
	"max_backoff_ms" integer NOT NULL,
	"attempt" integer NOT NULL,
	"fence" bigint NOT NULL,
	"ended_fence" bigint,
	"lease_worker" text,
	"lease_ms" integer,
	"lease_expires_at" timestamp (3) with time zone,
	"unique_key" text,
	"progress_percent" smallint NOT NULL,
	"progress_message" text NOT NULL,
	"result" json,
	"last_error_reason" text,
	"last_error_message" text,
	"schedule" text,
	"traceparent" text,
	"version" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "finished_tasks_pkey" PRIMARY KEY("id"),
	CONSTRAINT "finished_tasks_state_check" CHECK (state in ('completed', 'failed', 'cancelled', 'dead'))
);
--> statement-breakpoint
CREATE TABLE "task"."leases" (
	"name" text NOT NULL,
	"holder" text NOT NULL,
	"fence" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "leases_pkey" PRIMARY KEY("name"),
	CONSTRAINT "leases_fence_key" UNIQUE("name","fence")
);
--> statement-breakpoint
CREATE TABLE "task"."outbox" (
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "task"."outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"event_id" uuid NOT NULL,
	"number" bigint,
	"body" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outbox_pkey" PRIMARY KEY("id"),
	CONSTRAINT "outbox_event_id_key" UNIQUE("event_id"),
	CONSTRAINT "outbox_number_key" UNIQUE("number")
);
--> statement-breakpoint
CREATE TABLE "task"."outbox_consumers" (
	"name" text NOT NULL,
	"number" bigint NOT NULL,
	"reported_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "outbox_consumers_pkey" PRIMARY KEY("name")
);
--> statement-breakpoint
CREATE TABLE "task"."outbox_state" (
	"only" boolean DEFAULT true NOT NULL,
	"last_number" bigint DEFAULT 0 NOT NULL,
	"published_number" bigint DEFAULT 0 NOT NULL,
	"pruned_number" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "outbox_state_pkey" PRIMARY KEY("only"),
	CONSTRAINT "outbox_state_only_check" CHECK ("only")
);
--> statement-breakpoint
CREATE TABLE "task"."requests" (
	"key" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	"resource" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "requests_pkey" PRIMARY KEY("key")
);
--> statement-breakpoint
CREATE TABLE "task"."schedule_occurrences" (
	"schedule_id" uuid NOT NULL,
	"planned_at" timestamp (3) with time zone NOT NULL,
	"task_id" uuid,
	"skipped" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "schedule_occurrences_pkey" PRIMARY KEY("schedule_id","planned_at"),
	CONSTRAINT "schedule_occurrences_skipped_check" CHECK ((task_id is null) = (skipped is not null))
);
--> statement-breakpoint
CREATE TABLE "task"."schedules" (
	"project" text NOT NULL,
	"id" text NOT NULL,
	"uid" uuid NOT NULL,
	"interval_ms" bigint NOT NULL,
	"task_type" text NOT NULL,
	"task_payload" json NOT NULL,
	"next_at" timestamp (3) with time zone NOT NULL,
	"last_at" timestamp (3) with time zone,
	"last_task_id" uuid,
	"created_at" timestamp (3) with time zone NOT NULL,
	"version" integer NOT NULL,
	CONSTRAINT "schedules_pkey" PRIMARY KEY("project","id")
);
--> statement-breakpoint
CREATE TABLE "task"."task_events" (
	"task_id" uuid NOT NULL,
	"sequence" integer NOT NULL,
	"state" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"attempt" integer NOT NULL,
	"fence" bigint NOT NULL,
	"worker" text,
	"error_reason" text,
	"error_message" text,
	"detail" json,
	CONSTRAINT "task_events_pkey" PRIMARY KEY("task_id","sequence")
);
--> statement-breakpoint
CREATE TABLE "task"."task_unique_keys" (
	"project" text NOT NULL,
	"type" text NOT NULL,
	"unique_key" text NOT NULL,
	"task_id" uuid NOT NULL,
	CONSTRAINT "task_unique_keys_pkey" PRIMARY KEY("project","type","unique_key")
);
--> statement-breakpoint
CREATE TABLE "task"."tasks" (
	"id" uuid NOT NULL,
	"project" text NOT NULL,
	"type" text NOT NULL,
	"state" text NOT NULL,
	"priority" smallint NOT NULL,
	"payload" json NOT NULL,
	"labels" json NOT NULL,
	"weight" integer NOT NULL,
	"schedule_at" timestamp (3) with time zone,
	"run_at" timestamp (3) with time zone NOT NULL,
	"deadline_at" timestamp (3) with time zone,
	"attempt_timeout_ms" integer NOT NULL,
	"max_attempts" integer NOT NULL,
	"initial_backoff_ms" integer NOT NULL,
	"max_backoff_ms" integer NOT NULL,
	"attempt" integer NOT NULL,
	"fence" bigint NOT NULL,
	"ended_fence" bigint,
	"lease_worker" text,
	"lease_ms" integer,
	"lease_expires_at" timestamp (3) with time zone,
	"unique_key" text,
	"progress_percent" smallint NOT NULL,
	"progress_message" text NOT NULL,
	"result" json,
	"last_error_reason" text,
	"last_error_message" text,
	"schedule" text,
	"traceparent" text,
	"version" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "tasks_pkey" PRIMARY KEY("id"),
	CONSTRAINT "tasks_state_check" CHECK (state in ('scheduled', 'pending', 'running', 'retrying')),
	CONSTRAINT "tasks_lease_check" CHECK ((state = 'running') = (lease_expires_at is not null))
);
--> statement-breakpoint
CREATE INDEX "finished_tasks_project_idx" ON "task"."finished_tasks" USING btree ("project","id");--> statement-breakpoint
CREATE INDEX "finished_tasks_unwell_idx" ON "task"."finished_tasks" USING btree ("project","state","id") WHERE state <> 'completed';--> statement-breakpoint
CREATE INDEX "outbox_unstamped_idx" ON "task"."outbox" USING btree ("id") WHERE number is null;--> statement-breakpoint
CREATE INDEX "requests_created_at_idx" ON "task"."requests" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "schedules_next_idx" ON "task"."schedules" USING btree ("next_at");--> statement-breakpoint
CREATE INDEX "tasks_claim_idx" ON "task"."tasks" USING btree ("type","priority" DESC NULLS LAST,"run_at","id") WHERE state in ('scheduled', 'pending', 'retrying');--> statement-breakpoint
CREATE INDEX "tasks_project_claim_idx" ON "task"."tasks" USING btree ("project","type","priority" DESC NULLS LAST,"run_at","id") WHERE state in ('scheduled', 'pending', 'retrying');--> statement-breakpoint
CREATE INDEX "tasks_lease_idx" ON "task"."tasks" USING btree ("lease_expires_at") WHERE state = 'running';--> statement-breakpoint
CREATE INDEX "tasks_deadline_idx" ON "task"."tasks" USING btree ("deadline_at") WHERE state in ('scheduled', 'pending', 'retrying') and deadline_at is not null;--> statement-breakpoint
CREATE INDEX "tasks_project_idx" ON "task"."tasks" USING btree ("project","id");