ALTER TABLE `users` ADD `login_name` text;--> statement-breakpoint
CREATE UNIQUE INDEX `users_login_name` ON `users` (`login_name`) WHERE login_name IS NOT NULL;