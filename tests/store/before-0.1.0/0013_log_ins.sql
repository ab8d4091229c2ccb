CREATE TABLE `invites` (
	`hash` blob PRIMARY KEY NOT NULL,
	`uses_left` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`expires_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `invites_expires` ON `invites` (`expires_at_ms`);--> statement-breakpoint
ALTER TABLE `tokens` ADD `door` text DEFAULT 'rest' NOT NULL;--> statement-breakpoint
ALTER TABLE `tokens` ADD `name` text;--> statement-breakpoint
ALTER TABLE `tokens` ADD `last_used_at_ms` integer;