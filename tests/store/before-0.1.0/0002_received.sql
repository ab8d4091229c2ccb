CREATE TABLE `mqtt_received` (
	`session_id` integer NOT NULL,
	`packet_id` integer NOT NULL,
	PRIMARY KEY(`session_id`, `packet_id`),
	FOREIGN KEY (`session_id`) REFERENCES `mqtt_sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
