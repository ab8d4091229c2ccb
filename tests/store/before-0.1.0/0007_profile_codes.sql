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
