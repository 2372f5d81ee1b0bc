-- A store of schema 2 with two generations, as the program of that time wrote it.
BEGIN TRANSACTION;
PRAGMA application_id = 1768646000;
PRAGMA user_version = 2;

CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'policydb','first','2026-11-23 13:34:00.545349+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'policydb','history','2026-11-23 13:34:00.546054+00:00');
CREATE TABLE appearance (
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        line INTEGER NOT NULL,
        assertion INTEGER NOT NULL REFERENCES assertion (id),
        PRIMARY KEY (stretch, line)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "appearance" VALUES(1,0,1);
INSERT INTO "appearance" VALUES(2,0,1);
INSERT INTO "appearance" VALUES(1,5,2);
INSERT INTO "appearance" VALUES(2,5,2);
INSERT INTO "appearance" VALUES(2,8,3);
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
INSERT INTO "binding" VALUES(1,2,'Phase 1','192.0.2.2','West');
INSERT INTO "binding" VALUES(1,5,'Phase 2','Connections','offices');
INSERT INTO "binding" VALUES(1,8,'West','Phase','1');
INSERT INTO "binding" VALUES(1,9,'West','Address','192.0.2.2');
INSERT INTO "binding" VALUES(1,10,'West','Configuration','main');
INSERT INTO "binding" VALUES(1,11,'West','Authentication','secret:west');
INSERT INTO "binding" VALUES(1,14,'main','EXCHANGE_TYPE','ID_PROT');
INSERT INTO "binding" VALUES(1,15,'main','Transforms','AES-256-SHA2-256-GRP14');
INSERT INTO "binding" VALUES(1,18,'offices','Phase','2');
INSERT INTO "binding" VALUES(1,19,'offices','ISAKMP-peer','West');
INSERT INTO "binding" VALUES(1,20,'offices','Configuration','quick');
INSERT INTO "binding" VALUES(1,21,'offices','Local-ID','here');
INSERT INTO "binding" VALUES(1,22,'offices','Remote-ID','there');
INSERT INTO "binding" VALUES(1,25,'quick','EXCHANGE_TYPE','QUICK_MODE');
INSERT INTO "binding" VALUES(1,26,'quick','Suites','QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE');
INSERT INTO "binding" VALUES(1,29,'here','ID-type','IPV4_ADDR_SUBNET');
INSERT INTO "binding" VALUES(1,30,'here','Network','10.1.0.0');
INSERT INTO "binding" VALUES(1,31,'here','Netmask','255.255.0.0');
INSERT INTO "binding" VALUES(1,34,'there','ID-type','IPV4_ADDR_SUBNET');
INSERT INTO "binding" VALUES(1,35,'there','Network','10.2.0.0');
INSERT INTO "binding" VALUES(1,36,'there','Netmask','255.255.0.0');
CREATE TABLE block (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL) STRICT;
INSERT INTO "block" VALUES(1,'e255f74087b3cc4b0e05c437098f21214ab87a396bee61a49be64db78101bd29','[Phase 1]
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
INSERT INTO "generation" VALUES(1,'2026-05-04T12:00:00+00:00','',NULL);
INSERT INTO "generation" VALUES(2,'2026-05-05T12:00:00+00:00','',NULL);
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
CREATE TABLE principal (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO "principal" VALUES(1,'POLICY');
INSERT INTO "principal" VALUES(2,'alice');
INSERT INTO "principal" VALUES(3,'passphrase-sha1-hex:abf7aad6438836dbe526aa231abde2d0eef74d42');
INSERT INTO "principal" VALUES(4,'bob');
INSERT INTO "principal" VALUES(5,'carol');
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
INSERT INTO "source" VALUES(1,'isakmpd.conf','configuration','f8ec55a3f7f38fa477ca11efecef4387c13e3731670120027c422d8b08a16586',1);
INSERT INTO "source" VALUES(2,'site.policy','policy','d391378b936a6426319eef8fdbd7c1f5b17095a26b2eeaa104e0e55bceb6b58f',1);
INSERT INTO "source" VALUES(3,'site.policy','policy','8bf96de7e389409f8d34e7516ae15408c4c359666e3b0e58205bcb38e6ac8282',1);
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
CREATE TABLE source_stretch (
        source INTEGER NOT NULL REFERENCES source (id),
        line INTEGER NOT NULL,
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        PRIMARY KEY (source, line)
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "source_stretch" VALUES(2,1,1);
INSERT INTO "source_stretch" VALUES(3,1,2);
CREATE TABLE stretch (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE
    ) STRICT
    ;
INSERT INTO "stretch" VALUES(1,'26c32054a9a3ea72134874caae37154a87e46add18c49c3aeee24321c1508dee');
INSERT INTO "stretch" VALUES(2,'5314b1d0c0bd4baa7f9442737163aa39cc5d5dad02c47851e3c42d6cc77ab2c6');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX assertion_authorizer ON assertion (authorizer);
CREATE INDEX assertion_open_to_all ON assertion (id) WHERE licensees IS NULL;
CREATE INDEX appearance_assertion ON appearance (assertion, stretch);
CREATE INDEX source_stretch_stretch ON source_stretch (stretch, source);
COMMIT;
