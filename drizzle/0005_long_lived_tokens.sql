CREATE TABLE `long_lived_tokens` (
	`token_id` text PRIMARY KEY NOT NULL,
	`hash` blob NOT NULL,
	`owner_key` text NOT NULL,
	`name` text,
	`scopes` text,
	`made_by` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_used_at_ms` integer,
	`expires_at_ms` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `long_lived_tokens_hash` ON `long_lived_tokens` (`hash`);--> statement-breakpoint
CREATE INDEX `long_lived_tokens_owner` ON `long_lived_tokens` (`owner_key`);--> statement-breakpoint
CREATE INDEX `long_lived_tokens_expires` ON `long_lived_tokens` (`expires_at_ms`) WHERE expires_at_ms IS NOT NULL;