-- A store of schema 4 with two generations, as the program of that time wrote it.
BEGIN TRANSACTION;
PRAGMA application_id = 1768646000;
PRAGMA user_version = 4;

CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'policydb','first','2026-12-01 03:10:12.801446+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'policydb','history','2026-12-01 03:10:12.814683+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'policydb','parts','2026-12-01 03:10:12.815580+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'policydb','lists','2026-12-01 03:10:12.816213+00:00');
CREATE TABLE appearance (
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        line INTEGER NOT NULL,
        assertion INTEGER NOT NULL REFERENCES assertion (id),
        PRIMARY KEY (stretch, line)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "appearance" VALUES(2,0,1);
INSERT INTO "appearance" VALUES(3,0,1);
INSERT INTO "appearance" VALUES(2,5,2);
INSERT INTO "appearance" VALUES(3,5,2);
INSERT INTO "appearance" VALUES(3,8,3);
CREATE TABLE assertion (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL,
        format INTEGER NOT NULL,
        authorizer INTEGER NOT NULL REFERENCES principal (id),
        licensees TEXT,
        shape INTEGER REFERENCES shape (id),
        constants TEXT NOT NULL,
        spans TEXT NOT NULL,
        local_constants TEXT NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (digest, format)
    ) STRICT
    ;
INSERT INTO "assertion" VALUES(1,'1d82db3275f5c97e4b5eadbf4d774e011eeaf490171f0a1ddfffe6c4ee83ae20',1,1,'["or", "alice", "passphrase-sha1-hex:abf7aad6438836dbe526aa231abde2d0eef74d42"]',1,'["IPsec policy", "aes"]','[[150, 178], [182, 202]]','[]','Comment: What anybody may have.
Authorizer: "POLICY"
Licensees: "alice" || "passphrase-sha1-hex:abf7aad6438836dbe526aa231abde2d0eef74d42"
Conditions: app_domain == "IPsec policy" && esp_enc_alg == "aes";
');
INSERT INTO "assertion" VALUES(2,'55de33e19a756b2c9e5d5aa247ac558e5f25ef63f7871b672b75eceb09c2cb5a',1,1,'"bob"',NULL,'[]','[]','[]','Authorizer: "POLICY"
Licensees: "bob"
');
INSERT INTO "assertion" VALUES(3,'31b6cd8071c734c92459505464337bdc4f28834403ebf728262fedd98d710d6f',1,1,'"carol"',NULL,'[]','[]','[]','Authorizer: "POLICY"
Licensees: "carol"
');
CREATE TABLE binding (
        source INTEGER NOT NULL REFERENCES source (id),
        line INTEGER NOT NULL,
        section TEXT NOT NULL,
        tag TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (source, line)
    ) STRICT, WITHOUT ROWID
    ;
CREATE TABLE block (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL) STRICT;
INSERT INTO "block" VALUES(1,'2b00d5712d22fa827347a230637e9c8559e8357560c6aec5e3d22264acf3fe76','[Phase 1]
192.0.2.2=West

[Phase 2]
Connections=offices

[West]
Phase=1
Address=192.0.2.2
Configuration=main
Authentication=********

[main]
EXCHANGE_TYPE=ID_PROT
Transforms=AES-256-SHA2-256-GRP14

[offices]
Phase=2
ISAKMP-peer=West
Configuration=quick
Local-ID=here
Remote-ID=there

[quick]
EXCHANGE_TYPE=QUICK_MODE
Suites=QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE

[here]
ID-type=IPV4_ADDR_SUBNET
Network=10.1.0.0
Netmask=255.255.0.0

[there]
ID-type=IPV4_ADDR_SUBNET
Network=10.2.0.0
Netmask=255.255.0.0
');
INSERT INTO "block" VALUES(2,'d391378b936a6426319eef8fdbd7c1f5b17095a26b2eeaa104e0e55bceb6b58f','Comment: What anybody may have.
Authorizer: "POLICY"
Licensees: "alice" || "passphrase-sha1-hex:abf7aad6438836dbe526aa231abde2d0eef74d42"
Conditions: app_domain == "IPsec policy" && esp_enc_alg == "aes";

Authorizer: "POLICY"
Licensees: "bob"
');
INSERT INTO "block" VALUES(3,'8bf96de7e389409f8d34e7516ae15408c4c359666e3b0e58205bcb38e6ac8282','Comment: What anybody may have.
Authorizer: "POLICY"
Licensees: "alice" || "passphrase-sha1-hex:abf7aad6438836dbe526aa231abde2d0eef74d42"
Conditions: app_domain == "IPsec policy" && esp_enc_alg == "aes";

Authorizer: "POLICY"
Licensees: "bob"

Authorizer: "POLICY"
Licensees: "carol"
');
CREATE TABLE generation (
        number INTEGER PRIMARY KEY,
        published TEXT NOT NULL
    , author TEXT NOT NULL DEFAULT '', restores INTEGER REFERENCES generation (number)) STRICT
    ;
INSERT INTO "generation" VALUES(1,'2026-11-23T16:13:22+00:00','',NULL);
INSERT INTO "generation" VALUES(2,'2026-11-23T16:13:23+00:00','',NULL);
CREATE TABLE generation_source (
        generation INTEGER NOT NULL REFERENCES generation (number),
        source INTEGER NOT NULL REFERENCES source (id),
        position INTEGER NOT NULL,
        PRIMARY KEY (generation, source)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "generation_source" VALUES(1,1,0);
INSERT INTO "generation_source" VALUES(1,2,1);
INSERT INTO "generation_source" VALUES(2,1,0);
INSERT INTO "generation_source" VALUES(2,3,1);
CREATE TABLE licensee (
        principal INTEGER NOT NULL REFERENCES principal (id),
        assertion INTEGER NOT NULL REFERENCES assertion (id),
        PRIMARY KEY (principal, assertion)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "licensee" VALUES(2,1);
INSERT INTO "licensee" VALUES(3,1);
INSERT INTO "licensee" VALUES(4,2);
INSERT INTO "licensee" VALUES(5,3);
CREATE TABLE mention (
        key TEXT NOT NULL,
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        section TEXT NOT NULL,
        PRIMARY KEY (key, stretch, section)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "mention" VALUES('',1,'here');
INSERT INTO "mention" VALUES('',1,'there');
INSERT INTO "mention" VALUES('',1,'west');
INSERT INTO "mention" VALUES('aes-256-sha2-256-grp14',1,'main');
INSERT INTO "mention" VALUES('here',1,'offices');
INSERT INTO "mention" VALUES('main',1,'west');
INSERT INTO "mention" VALUES('offices',1,'phase 2');
INSERT INTO "mention" VALUES('qm-esp-aes-256-sha2-256-pfs-grp14-suite',1,'quick');
INSERT INTO "mention" VALUES('quick',1,'offices');
INSERT INTO "mention" VALUES('there',1,'offices');
INSERT INTO "mention" VALUES('west',1,'offices');
INSERT INTO "mention" VALUES('west',1,'phase 1');
CREATE TABLE part (
        stretch INTEGER PRIMARY KEY REFERENCES stretch (id),
        settings INTEGER NOT NULL,
        policy TEXT,
        lines INTEGER NOT NULL
    ) STRICT
    ;
INSERT INTO "part" VALUES(1,21,NULL,0);
CREATE TABLE principal (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO "principal" VALUES(1,'POLICY');
INSERT INTO "principal" VALUES(2,'alice');
INSERT INTO "principal" VALUES(3,'passphrase-sha1-hex:abf7aad6438836dbe526aa231abde2d0eef74d42');
INSERT INTO "principal" VALUES(4,'bob');
INSERT INTO "principal" VALUES(5,'carol');
CREATE TABLE section (
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        position INTEGER NOT NULL,
        line INTEGER NOT NULL,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        phase TEXT,
        joined INTEGER NOT NULL,
        lines TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (stretch, position)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "section" VALUES(1,0,0,'phase 1','Phase 1',NULL,0,'[1]','[["192.0.2.2","West"]]');
INSERT INTO "section" VALUES(1,1,3,'phase 2','Phase 2',NULL,0,'[4]','[["Connections","offices"]]');
INSERT INTO "section" VALUES(1,2,6,'west','West','1',0,'[7, 8, 9, 10]','[["Phase","1"],["Address","192.0.2.2"],["Configuration","main"],["Authentication","secret:west"]]');
INSERT INTO "section" VALUES(1,3,12,'main','main',NULL,0,'[13, 14]','[["EXCHANGE_TYPE","ID_PROT"],["Transforms","AES-256-SHA2-256-GRP14"]]');
INSERT INTO "section" VALUES(1,4,16,'offices','offices','2',0,'[17, 18, 19, 20, 21]','[["Phase","2"],["ISAKMP-peer","West"],["Configuration","quick"],["Local-ID","here"],["Remote-ID","there"]]');
INSERT INTO "section" VALUES(1,5,23,'quick','quick',NULL,0,'[24, 25]','[["EXCHANGE_TYPE","QUICK_MODE"],["Suites","QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE"]]');
INSERT INTO "section" VALUES(1,6,27,'here','here',NULL,0,'[28, 29, 30]','[["ID-type","IPV4_ADDR_SUBNET"],["Network","10.1.0.0"],["Netmask","255.255.0.0"]]');
INSERT INTO "section" VALUES(1,7,32,'there','there',NULL,0,'[33, 34, 35]','[["ID-type","IPV4_ADDR_SUBNET"],["Network","10.2.0.0"],["Netmask","255.255.0.0"]]');
CREATE TABLE shape (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO "shape" VALUES(1,'[["attribute","app_domain"],["text",0],["compare","string","=="],["attribute","esp_enc_alg"],["text",1],["compare","string","=="],["all",2],["maximum"]]');
CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('policy', 'configuration')),
        digest TEXT NOT NULL,
        format INTEGER NOT NULL,
        UNIQUE (name, digest, format)
    ) STRICT
    ;
INSERT INTO "source" VALUES(1,'isakmpd.conf','configuration','a1eb461ac65d960e23960492d17de70d23f694dcf1c2ee726710f361188f4c8d',1);
INSERT INTO "source" VALUES(2,'isakmpd.policy','policy','d391378b936a6426319eef8fdbd7c1f5b17095a26b2eeaa104e0e55bceb6b58f',1);
INSERT INTO "source" VALUES(3,'isakmpd.policy','policy','8bf96de7e389409f8d34e7516ae15408c4c359666e3b0e58205bcb38e6ac8282',1);
CREATE TABLE source_block (
        source INTEGER NOT NULL REFERENCES source (id),
        position INTEGER NOT NULL,
        block INTEGER NOT NULL REFERENCES block (id),
        PRIMARY KEY (source, position)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "source_block" VALUES(1,0,1);
INSERT INTO "source_block" VALUES(2,0,2);
INSERT INTO "source_block" VALUES(3,0,3);
CREATE TABLE source_part (
        source INTEGER NOT NULL REFERENCES source (id),
        position INTEGER NOT NULL,
        line INTEGER NOT NULL,
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        PRIMARY KEY (source, position)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "source_part" VALUES(1,0,1,1);
CREATE TABLE source_stretch (
        source INTEGER NOT NULL REFERENCES source (id),
        line INTEGER NOT NULL,
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        PRIMARY KEY (source, line)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "source_stretch" VALUES(2,1,2);
INSERT INTO "source_stretch" VALUES(3,1,3);
CREATE TABLE stretch (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE
    ) STRICT
    ;
INSERT INTO "stretch" VALUES(1,'2b00d5712d22fa827347a230637e9c8559e8357560c6aec5e3d22264acf3fe76');
INSERT INTO "stretch" VALUES(2,'26c32054a9a3ea72134874caae37154a87e46add18c49c3aeee24321c1508dee');
INSERT INTO "stretch" VALUES(3,'5314b1d0c0bd4baa7f9442737163aa39cc5d5dad02c47851e3c42d6cc77ab2c6');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX assertion_authorizer ON assertion (authorizer);
CREATE INDEX assertion_open_to_all ON assertion (id) WHERE licensees IS NULL;
CREATE INDEX appearance_assertion ON appearance (assertion, stretch);
CREATE INDEX source_stretch_stretch ON source_stretch (stretch, source);
CREATE INDEX section_key ON section (key, stretch);
CREATE INDEX section_phase ON section (stretch, phase, key) WHERE phase IS NOT NULL;
COMMIT;
