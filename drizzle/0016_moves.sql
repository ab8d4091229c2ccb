ALTER TABLE `members` ADD `delivered_move` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `members` ADD `read_move` integer DEFAULT 0 NOT NULL;