CREATE TABLE `kept_answers` (
	`answer_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`hash` blob NOT NULL,
	`caller` text NOT NULL,
	`fingerprint` blob NOT NULL,
	`status` integer NOT NULL,
	`content_type` text NOT NULL,
	`body` blob NOT NULL,
	`bytes` integer NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `kept_answers_hash` ON `kept_answers` (`hash`);--> statement-breakpoint
CREATE INDEX `kept_answers_caller` ON `kept_answers` (`caller`,`answer_id`);--> statement-breakpoint
CREATE INDEX `kept_answers_created` ON `kept_answers` (`created_at_ms`,`bytes`);--> statement-breakpoint
CREATE TABLE `webhook_dead_letters` (
	`letter_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`webhook` text NOT NULL,
	`chat_id` integer NOT NULL,
	`kind` text NOT NULL,
	`message_id` integer NOT NULL,
	`event_id` integer NOT NULL,
	`problem` text NOT NULL,
	`given_up_at_ms` integer NOT NULL,
	FOREIGN KEY (`webhook`) REFERENCES `webhooks`(`name`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `webhook_dead_letters_webhook` ON `webhook_dead_letters` (`webhook`,`letter_id`);--> statement-breakpoint
CREATE TABLE `webhook_events` (
	`event_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`type` text NOT NULL,
	`chat_id` integer NOT NULL,
	`body` text NOT NULL,
	`after_message_id` integer NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `webhook_events_chat` ON `webhook_events` (`chat_id`,`event_id`);--> statement-breakpoint
CREATE INDEX `webhook_events_created` ON `webhook_events` (`created_at_ms`);--> statement-breakpoint
CREATE TABLE `webhook_places` (
	`webhook` text NOT NULL,
	`chat_id` integer NOT NULL,
	`message_id` integer NOT NULL,
	`event_id` integer NOT NULL,
	`attempts` integer NOT NULL,
	`failing_since_ms` integer NOT NULL,
	`next_at_ms` integer NOT NULL,
	`problem` text NOT NULL,
	PRIMARY KEY(`webhook`, `chat_id`),
	FOREIGN KEY (`webhook`) REFERENCES `webhooks`(`name`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `webhooks` (
	`name` text PRIMARY KEY NOT NULL,
	`url` text NOT NULL,
	`secret` text NOT NULL,
	`kinds` text NOT NULL,
	`message_id` integer NOT NULL,
	`event_id` integer NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
DROP INDEX `members_user`;--> statement-breakpoint
CREATE INDEX `members_user` ON `members` (`user_id`,`chat_id`);