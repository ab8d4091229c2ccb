CREATE TABLE `event_bodies` (
	`body_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`body` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `event_bodies_created` ON `event_bodies` (`created_at_ms`);--> statement-breakpoint
CREATE TABLE `__new_events` (
	`event_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`user_id` integer NOT NULL,
	`type` text NOT NULL,
	`chat_id` integer NOT NULL,
	`body` text,
	`body_id` integer,
	`doors` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
INSERT INTO `__new_events`("event_id", "user_id", "type", "chat_id", "body", "body_id", "doors", "created_at_ms") SELECT "event_id", "user_id", "type", "chat_id", "body", NULL, "doors", "created_at_ms" FROM `events`;--> statement-breakpoint
DROP TABLE `events`;--> statement-breakpoint
ALTER TABLE `__new_events` RENAME TO `events`;--> statement-breakpoint
CREATE INDEX `events_user` ON `events` (`user_id`,`event_id`);--> statement-breakpoint
CREATE INDEX `events_created` ON `events` (`created_at_ms`);--> statement-breakpoint
CREATE INDEX `events_body` ON `events` (`body_id`) WHERE body_id IS NOT NULL;