CREATE TABLE `log_in_networks` (
	`pair_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`account` text NOT NULL,
	`network` text NOT NULL,
	`last_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `log_in_networks_pair` ON `log_in_networks` (`account`,`network`);--> statement-breakpoint
CREATE INDEX `log_in_networks_last` ON `log_in_networks` (`last_at_ms`);--> statement-breakpoint
ALTER TABLE `phone_sessions` ADD `token_is_own` integer DEFAULT 1 NOT NULL;