"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

from hub.store.dialects import journal_index

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


#: Packs the largest texts faster than PostgreSQL's own way, where the server was built with it.
LZ4 = """
DO $$ BEGIN
    ALTER TABLE object ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$
"""


def upgrade() -> None:  # noqa: PLR0915 one statement a table
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "made_with",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_table(
        "resync",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("owner_country_code", sa.String(), nullable=False),
        sa.Column("owner_party_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "platform_id",
            "role",
            "country_code",
            "party_id",
            "module",
            "owner_country_code",
            "owner_party_id",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "agreement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_party", sa.String(), nullable=False),
        sa.Column("second_party", sa.String(), nullable=False),
        sa.Column("modules", sa.String(), nullable=False),
        sa.Column("begins_at", UTCDateTime(), nullable=True),
        sa.Column("until", UTCDateTime(), nullable=True),
        sa.Column("signed_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("cdrs", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tariff_version",
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("tariff_id", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("country_code", "party_id", "tariff_id", "since"),
    )
    op.create_table(
        "judged_cdr",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("emsp_country_code", sa.String(), nullable=False),
        sa.Column("emsp_party_id", sa.String(), nullable=False),
        sa.Column("cdr_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evse", sa.String(), nullable=True),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("latitude", sa.String(), nullable=True),
        sa.Column("longitude", sa.String(), nullable=True),
        sa.Column("credit_of", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("country_code", "party_id", "cdr_id", "digest"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("judged_cdr", schema=None) as batch_op:
        batch_op.create_index("judged_cdr_by_id", ["cdr_id", "seq"], unique=False)
        batch_op.create_index(
            "judged_cdr_by_evse", ["country_code", "party_id", "evse", "ends_at"], unique=False
        )
        batch_op.create_index("judged_cdr_by_token", ["token", "ends_at"], unique=False)
        batch_op.create_index(
            "judged_cdr_by_original", ["country_code", "party_id", "credit_of"], unique=False
        )
        batch_op.create_index("judged_cdr_by_state", ["state", "seq"], unique=False)
        batch_op.create_index(batch_op.f("ix_judged_cdr_at"), ["at"], unique=False)
    op.create_table(
        "policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("mode_since", UTCDateTime(), nullable=False),
        sa.Column("settled_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "change",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("tail", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sender_role", sa.String(), nullable=False),
        sa.Column("sender_platform_id", sa.Integer(), nullable=True),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cursor",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "role", "country_code", "party_id"),
    )
    op.create_table(
        "process",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "lease",
        sa.Column("platform_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id"),
    )
    op.create_table(
        "dead_letter",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("object_country_code", sa.String(), nullable=False),
        sa.Column("object_party_id", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("tail", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("refused_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "platform_id",
            "role",
            "country_code",
            "party_id",
            "module",
            "object_country_code",
            "object_party_id",
            "object_id",
            "variant",
        ),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "journal",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=True),
        sa.Column("platform", sa.String(), nullable=True),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("module", sa.String(), nullable=True),
        sa.Column("to_party", sa.String(), nullable=True),
        sa.Column("from_party", sa.String(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("reply_body", sa.Text(), nullable=True),
        sa.Column("bodies_elsewhere", sa.Boolean(), nullable=False),
        # PostgreSQL's partitions are by day, and what is unique must say which day.
        sa.PrimaryKeyConstraint("id", "at") if is_postgresql else sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        postgresql_partition_by="RANGE (at)",
    )
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_journal_at"), ["at"], unique=False)
        if is_postgresql:
            batch_op.create_index("journal_by_exchange", ["correlation_id"], unique=False)
    if is_postgresql:
        op.execute("CREATE TABLE journal_rest PARTITION OF journal DEFAULT")
    else:
        for statement in journal_index.MAKE:
            op.execute(statement)

    op.create_table(
        "learnt_addressee",
        sa.Column("clue", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("addressee_country_code", sa.String(), nullable=False),
        sa.Column("addressee_party_id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "clue", "country_code", "party_id", "object_id", "addressee_country_code", "addressee_party_id"
        ),
    )
    with op.batch_alter_table("learnt_addressee", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_learnt_addressee_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "link",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("target_platform_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("interface", sa.String(), nullable=False),
        sa.Column("to_country_code", sa.String(), nullable=False),
        sa.Column("to_party_id", sa.String(), nullable=False),
        sa.Column("from_country_code", sa.String(), nullable=False),
        sa.Column("from_party_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("no_result", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("timed_out_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("token"),
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(
            "link_by_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_link_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "object",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=True),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=True),
        sa.Column("change_seq", sa.BigInteger(), nullable=True),
        sa.Column("addressee_country_code", sa.String(), nullable=True),
        sa.Column("addressee_party_id", sa.String(), nullable=True),
        sa.Column("kept_at", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("module", "object_id", "country_code", "party_id", "variant"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("object", schema=None) as batch_op:
        batch_op.create_index(
            "object_by_creation",
            ["module", "is_deleted", "seq", "last_updated", "country_code", "party_id"],
            unique=False,
        )
        batch_op.create_index(
            "object_by_time",
            ["module", "is_deleted", "last_updated", "seq", "country_code", "party_id"],
            unique=False,
        )
        batch_op.create_index(
            "object_by_addressee",
            [
                "module",
                "is_deleted",
                "addressee_country_code",
                "addressee_party_id",
                "seq",
                "last_updated",
                "country_code",
                "party_id",
            ],
            unique=False,
            sqlite_where=sa.text("addressee_party_id IS NOT NULL"),
            postgresql_where=sa.text("addressee_party_id IS NOT NULL"),
        )
        batch_op.create_index(
            "object_between_two_by_owner",
            [
                "module",
                "is_deleted",
                "country_code",
                "party_id",
                "seq",
                "last_updated",
                "addressee_party_id",
            ],
            unique=False,
            sqlite_where=sa.text("addressee_party_id IS NOT NULL"),
            postgresql_where=sa.text("addressee_party_id IS NOT NULL"),
        )
        if is_postgresql:
            op.execute(LZ4)
        batch_op.create_index(
            "object_by_age",
            ["kept_at"],
            unique=False,
            sqlite_where=sa.text("kept_at IS NOT NULL"),
            postgresql_where=sa.text("kept_at IS NOT NULL"),
        )

    op.create_table(
        "platform",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("versions_url", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("outbound_token", sa.LargeBinary(), nullable=True),
        sa.Column("previous_outbound_token", sa.LargeBinary(), nullable=True),
        sa.Column("token_encoding", sa.String(), nullable=False),
        sa.Column("when_unreachable", sa.String(), nullable=False),
        sa.Column("bad_bodies", sa.String(), nullable=False),
        sa.Column("rate_limit", sa.Integer(), nullable=True),
        sa.Column("pull", sa.String(), nullable=False),
        sa.Column("seen_of_hub", sa.String(), nullable=True),
        sa.Column("since_change", sa.BigInteger(), nullable=True),
        sa.Column("hub_role", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("connected_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "distant_party",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("last_updated", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("platform_id", "role", "country_code", "party_id"),
    )
    op.create_table(
        "endpoint",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("interface", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("platform_id", "module", "interface"),
    )
    op.create_table(
        "quirk",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("first_seen", UTCDateTime(), nullable=False),
        sa.Column("last_seen", UTCDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("platform_id", "name", "about"),
    )
    op.create_table(
        "pulled_list",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("full_at", sa.BigInteger(), nullable=True),
        sa.Column("partial_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("doubted_at", sa.BigInteger(), nullable=True),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("invalid", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("platform_id", "module", "country_code", "party_id"),
    )
    op.create_table(
        "inbound_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("retires_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    with op.batch_alter_table("inbound_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_token_platform_id"), ["platform_id"], unique=False)

    op.create_table(
        "platform_role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("country_code_folded", sa.String(), nullable=False),
        sa.Column("party_id_folded", sa.String(), nullable=False),
        sa.Column("business_details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("role", "country_code_folded", "party_id_folded"),
    )
    with op.batch_alter_table("platform_role", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_platform_role_platform_id"), ["platform_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("platform_role", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_platform_role_platform_id"))

    op.drop_table("platform_role")
    with op.batch_alter_table("inbound_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbound_token_platform_id"))

    op.drop_table("inbound_token")
    op.drop_table("pulled_list")
    op.drop_table("quirk")
    op.drop_table("distant_party")
    op.drop_table("endpoint")
    op.drop_table("platform")
    with op.batch_alter_table("object", schema=None) as batch_op:
        batch_op.drop_index("object_by_age")
        batch_op.drop_index("object_between_two_by_owner")
        batch_op.drop_index("object_by_addressee")
        batch_op.drop_index("object_by_time")
        batch_op.drop_index("object_by_creation")

    op.drop_table("object")
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_expires_at"))
        batch_op.drop_index("link_by_due")

    op.drop_table("link")
    with op.batch_alter_table("learnt_addressee", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_learnt_addressee_expires_at"))

    op.drop_table("learnt_addressee")
    op.drop_table("journal")
    for table in journal_index.TABLES:
        op.drop_table(table, if_exists=True)
    op.drop_table("dead_letter")
    op.drop_table("cursor")
    op.drop_table("process")
    op.drop_table("lease")
    op.drop_table("change")
    op.drop_table("policy")
    op.drop_table("judged_cdr")
    op.drop_table("tariff_version")
    op.drop_table("resync")
    op.drop_table("agreement")
    op.drop_table("made_with")
