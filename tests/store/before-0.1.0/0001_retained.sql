CREATE TABLE `mqtt_retained` (
	`topic` text PRIMARY KEY NOT NULL,
	`qos` integer NOT NULL,
	`payload` blob NOT NULL,
	`stored_at_ms` integer NOT NULL
);
