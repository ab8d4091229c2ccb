CREATE TABLE `device_chats` (
	`device_id` integer NOT NULL,
	`chat_id` integer NOT NULL,
	PRIMARY KEY(`device_id`, `chat_id`),
	FOREIGN KEY (`device_id`) REFERENCES `devices`(`device_id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`chat_id`) REFERENCES `chats`(`chat_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `device_chats_chat` ON `device_chats` (`chat_id`);--> statement-breakpoint
ALTER TABLE `device_positions` ADD `delivered_ranges` text;--> statement-breakpoint
CREATE INDEX `messages_odd_time` ON `messages` (`chat_id`,`seq`) WHERE client_time_ms is not null and abs(client_time_ms - sent_at_ms) > 60000;--> statement-breakpoint
CREATE TRIGGER `users_listed` AFTER INSERT ON `users` BEGIN UPDATE `sequence` SET `next` = `next` + 1 WHERE `name` = 'users'; END;--> statement-breakpoint
CREATE TRIGGER `users_unlisted` AFTER DELETE ON `users` BEGIN UPDATE `sequence` SET `next` = `next` + 1 WHERE `name` = 'users'; END;--> statement-breakpoint
CREATE TRIGGER `users_shown` AFTER UPDATE OF `nick`, `avatar`, `disabled` ON `users` BEGIN UPDATE `sequence` SET `next` = `next` + 1 WHERE `name` = 'users'; END;
