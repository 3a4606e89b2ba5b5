DROP TABLE bans;
DROP TABLE switches;
