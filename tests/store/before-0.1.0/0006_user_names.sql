ALTER TABLE `users` ADD `names` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `users` ADD `surnames` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `users` ADD `updated_at_ms` integer DEFAULT 0 NOT NULL;