//! The table: events in the form of the senders' own documents, about nobody.

use super::{Form, Sample, Samples};
use crate::config::Envelope;

/// The senders whose events are known.
pub(super) static ALL: [Samples; 4] = [LVCONNECT, LOGINRADIUS, LMIF, RISR];

/// For all others.
pub(super) static NEUTRAL: Samples = Samples {
    scheme: "",
    headers: &[],
    events: &[Sample {
        kind: "test",
        form: Form::Neutral,
        data: r#"{"message":"a test event from countersign","object":"{object}"}"#,
    }],
};

/// A user, and who has created, changed or deleted it. The headers are those of its HTTP library.
const LVCONNECT: Samples = Samples {
    scheme: "lvconnect",
    headers: &[
        ("accept", "*/*"),
        ("accept-encoding", "gzip,deflate"),
        ("connection", "close"),
        ("user-agent", "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)"),
    ],
    events: &[
        Sample {
            kind: "user:created",
            form: Form::Of(Envelope::None),
            data: r#"{"user":{"id":"{object}","firstName":"Zoé","lastName":"Dupont","email":"zoe.dupont@example.com","createdAt":"2026-01-15T10:00:00.000Z"},"sender":{"id":"5c9a0f0e8b1f4d0012a3b4c6","firstName":"Jean","lastName":"Martin","email":"jean.martin@example.com"}}"#,
        },
        Sample {
            kind: "user:modified",
            form: Form::Of(Envelope::None),
            data: r#"{"oldUser":{"id":"{object}","firstName":"Zoé","lastName":"Dupont","email":"zoe.dupont@example.com","leftAt":null},"user":{"id":"{object}","firstName":"Zoé","lastName":"Dupont","email":"zoe.dupont@example.com","leftAt":"2026-02-28T17:00:00.000Z"},"sender":{"id":"5c9a0f0e8b1f4d0012a3b4c6","firstName":"Jean","lastName":"Martin","email":"jean.martin@example.com"}}"#,
        },
        Sample {
            kind: "user:deleted",
            form: Form::Of(Envelope::None),
            data: r#"{"user":{"id":"{object}","firstName":"Zoé","lastName":"Dupont","email":"zoe.dupont@example.com","leftAt":"2026-02-28T17:00:00.000Z"},"sender":{"id":"5c9a0f0e8b1f4d0012a3b4c6","firstName":"Jean","lastName":"Martin","email":"jean.martin@example.com"}}"#,
        },
    ],
};

/// A profile. The headers are those that its document lists.
const LOGINRADIUS: Samples = Samples {
    scheme: "loginradius",
    headers: &[
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate"),
        ("request-context", "appId=cid-v1:00000000-0000-4000-8000-000000000000"),
        ("request-id", "|{trace}.1_1."),
        ("user-agent", "LoginRadius Service Consumer (https://www.loginradius.com)"),
    ],
    events: &[
        Sample {
            kind: "login",
            form: Form::Of(Envelope::LoginRadius),
            data: r#"{"Uid":"793fb102{object}","ID":"25bea1b2c3d47257a1b28b5e93c29eea","Provider":"Email","FirstName":"René","LastName":"Doe","FullName":"René Doe","Email":[{"Type":"Primary","Value":"rene@example.com"}],"EmailVerified":true,"IsActive":true,"IsDeleted":false,"NoOfLogins":38,"CreatedDate":"2019-04-29T21:41:38.122Z"}"#,
        },
        Sample {
            kind: "register",
            form: Form::Of(Envelope::LoginRadius),
            data: r#"{"Uid":"793fb102{object}","ID":"25bea1b2c3d47257a1b28b5e93c29eea","Provider":"Email","FirstName":"René","LastName":"Doe","FullName":"René Doe","Email":[{"Type":"Primary","Value":"rene@example.com"}],"EmailVerified":false,"IsActive":true,"IsDeleted":false,"NoOfLogins":0,"CreatedDate":"2026-01-15T10:00:00Z"}"#,
        },
        Sample {
            kind: "updateprofile",
            form: Form::Of(Envelope::LoginRadius),
            data: r#"{"Uid":"793fb102{object}","ID":"25bea1b2c3d47257a1b28b5e93c29eea","Provider":"Email","FirstName":"René","LastName":"Roe","FullName":"René Roe","Email":[{"Type":"Primary","Value":"rene@example.com"}],"EmailVerified":true,"IsActive":true,"IsDeleted":false,"NoOfLogins":39,"CreatedDate":"2019-04-29T21:41:38.122Z","ModifiedDate":"2026-01-15T10:00:00Z"}"#,
        },
    ],
};

/// One of each category of its document.
const LMIF: Samples = Samples {
    scheme: "lmif",
    headers: &[],
    events: &[
        Sample {
            kind: "box.created",
            form: Form::Of(Envelope::Lmif),
            data: r#"{"boxId":"box_{object}","name":"Example","createdBy":"user_def456","status":"active"}"#,
        },
        Sample {
            kind: "violation.detected",
            form: Form::Of(Envelope::Lmif),
            data: r#"{"violationId":"vio_{object}","boxId":"box_abc123","platform":"example.com","severity":"high"}"#,
        },
        Sample {
            kind: "grace_period.started",
            form: Form::Of(Envelope::Lmif),
            data: r#"{"gracePeriodId":"gp_{object}","boxId":"box_abc123","startsAt":"2026-01-15T10:00:00Z","endsAt":"2026-02-14T10:00:00Z"}"#,
        },
        Sample {
            kind: "license.approved",
            form: Form::Of(Envelope::Lmif),
            data: r#"{"licenseId":"lic_{object}","boxId":"box_abc123","licensee":"user_ghi789","expiresAt":"2027-01-15T10:00:00Z"}"#,
        },
        Sample {
            kind: "detection.match_found",
            form: Form::Of(Envelope::Lmif),
            data: r#"{"detectionId":"det_{object}","boxId":"box_abc123","url":"https://example.com/zoé","confidence":0.97}"#,
        },
    ],
};

/// Its document shows the first; of the others it says what they hold.
const RISR: Samples = Samples {
    scheme: "jws",
    headers: &[],
    events: &[
        Sample {
            kind: "profile_updated",
            form: Form::Of(Envelope::Jws),
            data: r#"{"auditLog":[],"id":"profile_{object}","email":"john@doe.com","rev":"1-1324","firstName":"John","lastName":"Doe","userFields":[]}"#,
        },
        Sample {
            kind: "user_logged_in",
            form: Form::Of(Envelope::Jws),
            data: r#"{"id":"profile_{object}","sso":{"email":"john@doe.com","displayName":"John Doe"}}"#,
        },
        Sample {
            kind: "user_registered",
            form: Form::Of(Envelope::Jws),
            data: r#"{"id":"profile_{object}","sso":{"email":"john@doe.com","displayName":"John Doe"}}"#,
        },
        Sample {
            kind: "booking_updated",
            form: Form::Of(Envelope::Jws),
            data: r#"{"id":"booking_{object}","rev":"2-0714","state":"requested","starts":"2026-03-02T09:00:00Z","ends":"2026-03-02T12:00:00Z","user":"profile_org_id"}"#,
        },
        Sample {
            kind: "booking_state_changed",
            form: Form::Of(Envelope::Jws),
            data: r#"{"booking":{"id":"booking_{object}","rev":"3-0715","state":"approved","user":"profile_org_id"},"transition":{"from":"requested","to":"approved"},"actions":["notify"]}"#,
        },
    ],
};
