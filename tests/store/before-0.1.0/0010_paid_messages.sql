CREATE TABLE `paid_messages` (
	`paid_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`number` text NOT NULL,
	`network` text NOT NULL,
	`prefix` text NOT NULL,
	`paid_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `paid_messages_paid_at` ON `paid_messages` (`paid_at_ms`);