CREATE TABLE `uploads` (
	`upload_id` text PRIMARY KEY NOT NULL,
	`user_id` integer NOT NULL,
	`bytes` integer NOT NULL,
	`written` integer DEFAULT 0 NOT NULL,
	`type` text,
	`name` text,
	`hash` blob,
	`head` blob,
	`is_text` integer DEFAULT false NOT NULL,
	`message_id` integer,
	`expires_at_ms` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `uploads_user` ON `uploads` (`user_id`);--> statement-breakpoint
CREATE INDEX `uploads_expires` ON `uploads` (`expires_at_ms`);--> statement-breakpoint
CREATE INDEX `uploads_hash` ON `uploads` (`hash`) WHERE hash IS NOT NULL;--> statement-breakpoint
CREATE INDEX `uploads_message` ON `uploads` (`message_id`) WHERE message_id IS NOT NULL;--> statement-breakpoint
ALTER TABLE `message_files` ADD `name` text;