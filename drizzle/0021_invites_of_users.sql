ALTER TABLE `invites` ADD `user_id` integer REFERENCES users(user_id) ON DELETE cascade;--> statement-breakpoint
CREATE INDEX `invites_user` ON `invites` (`user_id`) WHERE user_id IS NOT NULL;