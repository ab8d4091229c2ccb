DROP INDEX `events_created`;--> statement-breakpoint
ALTER TABLE `events` ADD `kept_since_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE `events` SET `kept_since_ms` = `created_at_ms`;--> statement-breakpoint
CREATE INDEX `events_kept` ON `events` (`kept_since_ms`);--> statement-breakpoint
DROP INDEX `phone_sessions_pending`;--> statement-breakpoint
ALTER TABLE `phone_sessions` ADD `begun_at_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE `phone_sessions` SET `begun_at_ms` = `created_at_ms`;--> statement-breakpoint
CREATE INDEX `phone_sessions_pending` ON `phone_sessions` (`begun_at_ms`) WHERE user_id is null;--> statement-breakpoint
DROP INDEX `webhook_events_created`;--> statement-breakpoint
ALTER TABLE `webhook_events` ADD `kept_since_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE `webhook_events` SET `kept_since_ms` = `created_at_ms`;--> statement-breakpoint
CREATE INDEX `webhook_events_kept` ON `webhook_events` (`kept_since_ms`);
