CREATE TABLE `account_codes` (
	`user_id` integer NOT NULL,
	`purpose` text NOT NULL,
	`salt` blob NOT NULL,
	`hash` blob NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`expires_at_ms` integer NOT NULL,
	PRIMARY KEY(`user_id`, `purpose`),
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `account_codes_hash` ON `account_codes` (`hash`);--> statement-breakpoint
CREATE INDEX `account_codes_expires` ON `account_codes` (`expires_at_ms`);