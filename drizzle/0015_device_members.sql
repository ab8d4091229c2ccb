ALTER TABLE `mqtt_devices` ADD `member_id` integer REFERENCES users(user_id) ON DELETE set null;--> statement-breakpoint
ALTER TABLE `mqtt_devices` ADD `chats` text;