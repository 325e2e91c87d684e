-- What the runtime role may do, table by table (docs/adr/0008). PUBLIC has nothing.
GRANT USAGE ON SCHEMA "task" TO {{app_role}};
--> statement-breakpoint
-- A task's definition has no UPDATE: what it is never changes.
GRANT SELECT, INSERT, DELETE ON "task"."tasks" TO {{app_role}};
--> statement-breakpoint
GRANT UPDATE (
  state, run_at, attempt, fence, ended_fence, lease_worker, lease_ms, lease_expires_at, progress_percent, progress_message,
  last_error_reason, last_error_message, version, started_at
) ON "task"."tasks" TO {{app_role}};
--> statement-breakpoint
-- What has ended, and what has happened, stays as it is.
GRANT SELECT, INSERT ON "task"."finished_tasks", "task"."task_events" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON "task"."task_unique_keys" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE, UPDATE (next_at, last_at, last_task_id, version) ON "task"."schedules" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE (task_id, skipped) ON "task"."schedule_occurrences" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "task"."outbox" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "task"."outbox_state", "task"."outbox_consumers", "task"."leases" TO {{app_role}};
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON "task"."requests" TO {{app_role}};
--> statement-breakpoint
-- Every task passes through these tables: vacuum long before a fifth of them is dead, and leave room for updates in the page.
ALTER TABLE "task"."tasks" SET (
  fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000
);
--> statement-breakpoint
ALTER TABLE "task"."task_unique_keys" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
