CREATE TABLE `mqtt_turns` (
	`first_id` integer PRIMARY KEY NOT NULL,
	`last_id` integer NOT NULL,
	`rows` blob NOT NULL,
	`packets` blob NOT NULL
);
