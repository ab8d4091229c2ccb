ALTER TABLE `chats` ADD `tail_sender_id` integer;--> statement-breakpoint
ALTER TABLE `chats` ADD `tail_seq` integer;