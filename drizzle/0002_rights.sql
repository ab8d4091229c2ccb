CREATE TABLE `topic_group_members` (
	`owner_key` text NOT NULL,
	`group_name` text NOT NULL,
	PRIMARY KEY(`owner_key`, `group_name`),
	FOREIGN KEY (`group_name`) REFERENCES `topic_groups`(`name`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `topic_group_members_group` ON `topic_group_members` (`group_name`);--> statement-breakpoint
CREATE TABLE `topic_groups` (
	`name` text PRIMARY KEY NOT NULL,
	`publish` text NOT NULL,
	`subscribe` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `user_topics` (
	`user_id` integer PRIMARY KEY NOT NULL,
	`publish` text NOT NULL,
	`subscribe` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
ALTER TABLE `mqtt_devices` ADD `user_id` integer REFERENCES users(user_id) ON DELETE set null;--> statement-breakpoint
ALTER TABLE `mqtt_retained` ADD `publisher_key` text;--> statement-breakpoint
ALTER TABLE `tokens` ADD `own` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `users` ADD `made_by` text DEFAULT 'registered' NOT NULL;