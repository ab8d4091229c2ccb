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
	`tail_sender_id` integer,
	`tail_seq` integer,
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
CREATE TABLE `device_chats` (
	`device_id` integer NOT NULL,
	`chat_id` integer NOT NULL,
	PRIMARY KEY(`device_id`, `chat_id`),
	FOREIGN KEY (`device_id`) REFERENCES `devices`(`device_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`chat_id`) REFERENCES `chats`(`chat_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `device_chats_chat` ON `device_chats` (`chat_id`);--> statement-breakpoint
CREATE TABLE `device_positions` (
	`device_id` integer NOT NULL,
	`chat_id` integer NOT NULL,
	`delivered_seq` integer NOT NULL,
	`delivered_ranges` text,
	`read_ranges` text,
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
CREATE TABLE `event_bodies` (
	`body_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`body` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `event_bodies_created` ON `event_bodies` (`created_at_ms`);--> statement-breakpoint
CREATE TABLE `events` (
	`event_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`user_id` integer NOT NULL,
	`type` text NOT NULL,
	`chat_id` integer NOT NULL,
	`body` text,
	`body_id` integer,
	`doors` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `events_user` ON `events` (`user_id`,`event_id`);--> statement-breakpoint
CREATE INDEX `events_created` ON `events` (`created_at_ms`);--> statement-breakpoint
CREATE INDEX `events_body` ON `events` (`body_id`) WHERE body_id IS NOT NULL;--> statement-breakpoint
CREATE TABLE `hourly_counts` (
	`subject` text PRIMARY KEY NOT NULL,
	`started_at_ms` integer NOT NULL,
	`count` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `hourly_counts_started` ON `hourly_counts` (`started_at_ms`);--> statement-breakpoint
CREATE TABLE `invites` (
	`hash` blob PRIMARY KEY NOT NULL,
	`uses_left` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`expires_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `invites_expires` ON `invites` (`expires_at_ms`);--> statement-breakpoint
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
CREATE TABLE `members` (
	`chat_id` integer NOT NULL,
	`user_id` integer NOT NULL,
	`ordinal` integer NOT NULL,
	`joined_seq` integer NOT NULL,
	`delivered_seq` integer NOT NULL,
	`read_seq` integer NOT NULL,
	`delivered_ranges` text,
	`read_ranges` text,
	PRIMARY KEY(`chat_id`, `user_id`),
	FOREIGN KEY (`chat_id`) REFERENCES `chats`(`chat_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `members_user` ON `members` (`user_id`,`chat_id`);--> statement-breakpoint
CREATE TABLE `message_edits` (
	`message_id` integer PRIMARY KEY NOT NULL,
	`old_message_id` integer NOT NULL,
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`message_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `message_files` (
	`message_id` integer PRIMARY KEY NOT NULL,
	`chat_id` integer NOT NULL,
	`hash` blob NOT NULL,
	`bytes` integer NOT NULL,
	`form` integer NOT NULL,
	`media_type` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `message_files_hash` ON `message_files` (`hash`,`chat_id`);--> statement-breakpoint
CREATE TABLE `message_texts` (
	`message_id` integer NOT NULL,
	`user_id` integer NOT NULL,
	`device_id` integer NOT NULL,
	`content` text NOT NULL,
	PRIMARY KEY(`message_id`, `user_id`, `device_id`),
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`message_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
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
CREATE INDEX `messages_odd_time` ON `messages` (`chat_id`,`seq`) WHERE client_time_ms is not null and abs(client_time_ms - sent_at_ms) > 60000;--> statement-breakpoint
CREATE TABLE `migrations` (
	`name` text PRIMARY KEY NOT NULL,
	`checksum` text NOT NULL,
	`applied_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `mqtt_devices` (
	`name` text PRIMARY KEY NOT NULL,
	`password_hash` text,
	`certificate_subject` text,
	`publish` text,
	`subscribe` text,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mqtt_devices_certificate_subject_unique` ON `mqtt_devices` (`certificate_subject`);--> statement-breakpoint
CREATE TABLE `mqtt_published` (
	`session_id` integer NOT NULL,
	`packet_id` integer NOT NULL,
	`message_id` integer NOT NULL,
	PRIMARY KEY(`session_id`, `packet_id`),
	FOREIGN KEY (`session_id`) REFERENCES `mqtt_sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `mqtt_queue` (
	`queue_id` integer PRIMARY KEY NOT NULL,
	`session_id` integer NOT NULL,
	`qos` integer NOT NULL,
	`packet_id` integer NOT NULL,
	`released` integer NOT NULL,
	`live` integer NOT NULL,
	`expires_at_ms` integer NOT NULL,
	`share` text,
	`packet` blob NOT NULL
);
--> statement-breakpoint
CREATE INDEX `mqtt_queue_waiting` ON `mqtt_queue` (`session_id`) WHERE live = 0;--> statement-breakpoint
CREATE TABLE `mqtt_received` (
	`session_id` integer NOT NULL,
	`packet_id` integer NOT NULL,
	PRIMARY KEY(`session_id`, `packet_id`),
	FOREIGN KEY (`session_id`) REFERENCES `mqtt_sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `mqtt_retained` (
	`topic` text PRIMARY KEY NOT NULL,
	`qos` integer NOT NULL,
	`payload` blob NOT NULL,
	`properties` blob,
	`stored_at_ms` integer NOT NULL,
	`expires_at_ms` integer
);
--> statement-breakpoint
CREATE TABLE `mqtt_sessions` (
	`session_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`principal_key` text NOT NULL,
	`client_id` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_connected_at_ms` integer NOT NULL,
	`expiry_seconds` integer,
	`disconnected_at_ms` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `mqtt_sessions_owner` ON `mqtt_sessions` (`principal_key`,`client_id`);--> statement-breakpoint
CREATE TABLE `mqtt_subscriptions` (
	`session_id` integer NOT NULL,
	`filter` text NOT NULL,
	`qos` integer NOT NULL,
	`options` integer DEFAULT 0 NOT NULL,
	`subscription_id` integer,
	PRIMARY KEY(`session_id`, `filter`),
	FOREIGN KEY (`session_id`) REFERENCES `mqtt_sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `mqtt_turns` (
	`first_id` integer PRIMARY KEY NOT NULL,
	`last_id` integer NOT NULL,
	`rows` blob NOT NULL,
	`packets` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `mqtt_wills` (
	`will_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`principal_key` text NOT NULL,
	`client_id` text NOT NULL,
	`packet` blob NOT NULL,
	`delay_seconds` integer NOT NULL,
	`publish_at_ms` integer
);
--> statement-breakpoint
CREATE INDEX `mqtt_wills_owner` ON `mqtt_wills` (`principal_key`,`client_id`);--> statement-breakpoint
CREATE TABLE `paid_messages` (
	`paid_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`number` text NOT NULL,
	`network` text NOT NULL,
	`prefix` text NOT NULL,
	`paid_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `paid_messages_paid_at` ON `paid_messages` (`paid_at_ms`);--> statement-breakpoint
CREATE TABLE `phone_codes` (
	`code_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`salt` blob NOT NULL,
	`hash` blob NOT NULL,
	`sent_at_ms` integer,
	`expires_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `phone_codes_expires` ON `phone_codes` (`expires_at_ms`);--> statement-breakpoint
CREATE TABLE `phone_sessions` (
	`session_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`hash` blob NOT NULL,
	`phone` text NOT NULL,
	`dev_key` text NOT NULL,
	`client_id` text,
	`language` text,
	`user_id` integer,
	`code_id` integer,
	`attempts` integer DEFAULT 0 NOT NULL,
	`orphaned` integer DEFAULT false NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_online_at_ms` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`code_id`) REFERENCES `phone_codes`(`code_id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
CREATE UNIQUE INDEX `phone_sessions_hash` ON `phone_sessions` (`hash`);--> statement-breakpoint
CREATE INDEX `phone_sessions_device` ON `phone_sessions` (`dev_key`,`phone`);--> statement-breakpoint
CREATE INDEX `phone_sessions_phone` ON `phone_sessions` (`phone`);--> statement-breakpoint
CREATE INDEX `phone_sessions_user` ON `phone_sessions` (`user_id`);--> statement-breakpoint
CREATE INDEX `phone_sessions_code` ON `phone_sessions` (`code_id`);--> statement-breakpoint
CREATE INDEX `phone_sessions_pending` ON `phone_sessions` (`created_at_ms`) WHERE user_id is null;--> statement-breakpoint
CREATE TABLE `profile_codes` (
	`phone` text NOT NULL,
	`purpose` text NOT NULL,
	`target` text NOT NULL,
	`salt` blob NOT NULL,
	`hash` blob NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`expires_at_ms` integer NOT NULL,
	PRIMARY KEY(`phone`, `purpose`, `target`),
	FOREIGN KEY (`phone`) REFERENCES `profiles`(`phone`) ON UPDATE no action ON DELETE cascade
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
CREATE TABLE `scram_keys` (
	`owner_key` text PRIMARY KEY NOT NULL,
	`salt` blob NOT NULL,
	`iterations` integer NOT NULL,
	`stored_key` blob NOT NULL,
	`server_key` blob NOT NULL
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
CREATE TABLE `token_runs` (
	`hash` blob PRIMARY KEY NOT NULL,
	`salt` blob NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tokens` (
	`hash` blob PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`user_id` integer NOT NULL,
	`device_id` integer,
	`door` text DEFAULT 'rest' NOT NULL,
	`name` text,
	`created_at_ms` integer NOT NULL,
	`last_used_at_ms` integer,
	`expires_at_ms` integer,
	`family` blob,
	`ended_at_ms` integer,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`device_id`) REFERENCES `devices`(`device_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `tokens_user` ON `tokens` (`user_id`);--> statement-breakpoint
CREATE INDEX `tokens_expires` ON `tokens` (`expires_at_ms`);--> statement-breakpoint
CREATE INDEX `tokens_family` ON `tokens` (`family`);--> statement-breakpoint
CREATE TABLE `users` (
	`user_id` integer PRIMARY KEY NOT NULL,
	`guid` text NOT NULL,
	`username` text,
	`phone` text,
	`nick` text NOT NULL,
	`names` text DEFAULT '' NOT NULL,
	`surnames` text DEFAULT '' NOT NULL,
	`avatar` blob,
	`avatar_link` text DEFAULT '' NOT NULL,
	`password_hash` text,
	`public_key` blob,
	`disabled` integer DEFAULT false NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_seen_at_ms` integer,
	`updated_at_ms` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`phone`) REFERENCES `profiles`(`phone`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_guid` ON `users` (`guid`);--> statement-breakpoint
CREATE UNIQUE INDEX `users_username` ON `users` (`username`);--> statement-breakpoint
CREATE INDEX `users_phone` ON `users` (`phone`);--> statement-breakpoint
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
CREATE TRIGGER `users_listed` AFTER INSERT ON `users` BEGIN UPDATE `sequence` SET `next` = `next` + 1 WHERE `name` = 'users'; END;--> statement-breakpoint
CREATE TRIGGER `users_unlisted` AFTER DELETE ON `users` BEGIN UPDATE `sequence` SET `next` = `next` + 1 WHERE `name` = 'users'; END;--> statement-breakpoint
CREATE TRIGGER `users_shown` AFTER UPDATE OF `nick`, `avatar`, `disabled` ON `users` BEGIN UPDATE `sequence` SET `next` = `next` + 1 WHERE `name` = 'users'; END;
