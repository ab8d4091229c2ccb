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
DROP INDEX `members_user`;--> statement-breakpoint
CREATE INDEX `members_user` ON `members` (`user_id`,`chat_id`);