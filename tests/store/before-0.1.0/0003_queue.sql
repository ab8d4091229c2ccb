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
CREATE TABLE `scram_keys` (
	`owner_key` text PRIMARY KEY NOT NULL,
	`salt` blob NOT NULL,
	`iterations` integer NOT NULL,
	`stored_key` blob NOT NULL,
	`server_key` blob NOT NULL
);
--> statement-breakpoint
ALTER TABLE `mqtt_retained` ADD `properties` blob;--> statement-breakpoint
ALTER TABLE `mqtt_retained` ADD `expires_at_ms` integer;--> statement-breakpoint
ALTER TABLE `mqtt_sessions` ADD `expiry_seconds` integer;--> statement-breakpoint
ALTER TABLE `mqtt_sessions` ADD `disconnected_at_ms` integer;--> statement-breakpoint
ALTER TABLE `mqtt_subscriptions` ADD `options` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `mqtt_subscriptions` ADD `subscription_id` integer;