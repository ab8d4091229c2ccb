CREATE TABLE `hourly_counts` (
	`subject` text PRIMARY KEY NOT NULL,
	`started_at_ms` integer NOT NULL,
	`count` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `hourly_counts_started` ON `hourly_counts` (`started_at_ms`);--> statement-breakpoint
CREATE TABLE `phone_codes` (
	`code_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`salt` blob NOT NULL,
	`hash` blob NOT NULL,
	`sent_at_ms` integer,
	`expires_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `phone_codes_expires` ON `phone_codes` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `phone_sessions` (
	`session_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`hash` blob NOT NULL,
	`phone` text NOT NULL,
	`dev_key` text NOT NULL,
	`client_id` text,
	`language` text,
	`user_id` integer,
	`code_id` integer,
	`attempts` integer DEFAULT 0 NOT NULL,
	`orphaned` integer DEFAULT false NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_online_at_ms` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`code_id`) REFERENCES `phone_codes`(`code_id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
CREATE UNIQUE INDEX `phone_sessions_hash` ON `phone_sessions` (`hash`);--> statement-breakpoint
CREATE INDEX `phone_sessions_device` ON `phone_sessions` (`dev_key`,`phone`);--> statement-breakpoint
CREATE INDEX `phone_sessions_phone` ON `phone_sessions` (`phone`);--> statement-breakpoint
CREATE INDEX `phone_sessions_user` ON `phone_sessions` (`user_id`);--> statement-breakpoint
CREATE INDEX `phone_sessions_code` ON `phone_sessions` (`code_id`);--> statement-breakpoint
CREATE INDEX `phone_sessions_pending` ON `phone_sessions` (`created_at_ms`) WHERE user_id is null;