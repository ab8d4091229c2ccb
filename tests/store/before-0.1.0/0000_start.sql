CREATE TABLE `chats` (
	`chat_id` integer PRIMARY KEY NOT NULL,
	`chat_key` text,
	`kind` text NOT NULL,
	`direct_low` integer,
	`direct_high` integer,
	`name` text NOT NULL,
	`owner_id` integer NOT NULL,
	`first_seq` integer DEFAULT 1 NOT NULL,
	`last_seq` integer DEFAULT 0 NOT NULL,
	`last_message_id` integer DEFAULT 0 NOT NULL,
	`created_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `chats_chat_key` ON `chats` (`chat_key`);--> statement-breakpoint
CREATE UNIQUE INDEX `chats_direct` ON `chats` (`direct_low`,`direct_high`);--> statement-breakpoint
CREATE TABLE `contacts` (
	`user_id` integer NOT NULL,
	`contact_id` integer NOT NULL,
	`status` text NOT NULL,
	`settings` text DEFAULT '[]' NOT NULL,
	`updated_at_ms` integer NOT NULL,
	PRIMARY KEY(`user_id`, `contact_id`),
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`contact_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `contacts_contact` ON `contacts` (`contact_id`);--> statement-breakpoint
CREATE TABLE `device_positions` (
	`device_id` integer NOT NULL,
	`chat_id` integer NOT NULL,
	`delivered_seq` integer NOT NULL,
	PRIMARY KEY(`device_id`, `chat_id`),
	FOREIGN KEY (`device_id`) REFERENCES `devices`(`device_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`chat_id`) REFERENCES `chats`(`chat_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `device_positions_chat` ON `device_positions` (`chat_id`);--> statement-breakpoint
CREATE TABLE `devices` (
	`device_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`user_id` integer NOT NULL,
	`door` text NOT NULL,
	`name` text NOT NULL,
	`guid` text NOT NULL,
	`public_key` blob,
	`since_message_id` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `devices_name` ON `devices` (`user_id`,`door`,`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `devices_guid` ON `devices` (`guid`);--> statement-breakpoint
CREATE TABLE `events` (
	`event_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`user_id` integer NOT NULL,
	`type` text NOT NULL,
	`chat_id` integer NOT NULL,
	`body` text NOT NULL,
	`doors` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `events_user` ON `events` (`user_id`,`event_id`);--> statement-breakpoint
CREATE INDEX `events_created` ON `events` (`created_at_ms`);--> statement-breakpoint
CREATE TABLE `members` (
	`chat_id` integer NOT NULL,
	`user_id` integer NOT NULL,
	`ordinal` integer NOT NULL,
	`joined_seq` integer NOT NULL,
	`delivered_seq` integer NOT NULL,
	`read_seq` integer NOT NULL,
	`delivered_ranges` text,
	PRIMARY KEY(`chat_id`, `user_id`),
	FOREIGN KEY (`chat_id`) REFERENCES `chats`(`chat_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `members_user` ON `members` (`user_id`);--> statement-breakpoint
CREATE TABLE `messages` (
	`message_id` integer PRIMARY KEY NOT NULL,
	`chat_id` integer NOT NULL,
	`seq` integer NOT NULL,
	`sender_id` integer NOT NULL,
	`kind` integer NOT NULL,
	`type` text,
	`content` text,
	`client_id` text,
	`client_time_ms` integer,
	`sent_at_ms` integer NOT NULL,
	`signature` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `messages_chat_seq` ON `messages` (`chat_id`,`seq`);--> statement-breakpoint
CREATE UNIQUE INDEX `messages_client_id` ON `messages` (`sender_id`,`chat_id`,`client_id`) WHERE client_id is not null;--> statement-breakpoint
CREATE TABLE `migrations` (
	`name` text PRIMARY KEY NOT NULL,
	`checksum` text NOT NULL,
	`applied_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `mqtt_published` (
	`session_id` integer NOT NULL,
	`packet_id` integer NOT NULL,
	`message_id` integer NOT NULL,
	PRIMARY KEY(`session_id`, `packet_id`),
	FOREIGN KEY (`session_id`) REFERENCES `mqtt_sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `mqtt_sessions` (
	`session_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`principal_key` text NOT NULL,
	`client_id` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_connected_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mqtt_sessions_owner` ON `mqtt_sessions` (`principal_key`,`client_id`);--> statement-breakpoint
CREATE TABLE `mqtt_subscriptions` (
	`session_id` integer NOT NULL,
	`filter` text NOT NULL,
	`qos` integer NOT NULL,
	PRIMARY KEY(`session_id`, `filter`),
	FOREIGN KEY (`session_id`) REFERENCES `mqtt_sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `profiles` (
	`phone` text PRIMARY KEY NOT NULL,
	`services` text DEFAULT '[]' NOT NULL,
	`settings` text DEFAULT '[]' NOT NULL,
	`balance` integer DEFAULT 0 NOT NULL,
	`updated_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `sequence` (
	`name` text PRIMARY KEY NOT NULL,
	`next` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `server_keys` (
	`name` text PRIMARY KEY NOT NULL,
	`hash` blob NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `sweeps` (
	`chat_id` integer PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tokens` (
	`hash` blob PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`user_id` integer NOT NULL,
	`device_id` integer,
	`created_at_ms` integer NOT NULL,
	`expires_at_ms` integer,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`device_id`) REFERENCES `devices`(`device_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `tokens_user` ON `tokens` (`user_id`);--> statement-breakpoint
CREATE INDEX `tokens_expires` ON `tokens` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `users` (
	`user_id` integer PRIMARY KEY NOT NULL,
	`guid` text NOT NULL,
	`username` text,
	`phone` text,
	`nick` text NOT NULL,
	`avatar` blob,
	`password_hash` text,
	`public_key` blob,
	`disabled` integer DEFAULT false NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_seen_at_ms` integer,
	FOREIGN KEY (`phone`) REFERENCES `profiles`(`phone`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_guid` ON `users` (`guid`);--> statement-breakpoint
CREATE UNIQUE INDEX `users_username` ON `users` (`username`);--> statement-breakpoint
CREATE INDEX `users_phone` ON `users` (`phone`);