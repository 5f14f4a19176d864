//! PagerDuty.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-pagerduty-signature")];
static EVENT_ID: [Locator; 1] = [json("/event/id")];

/// PagerDuty.
///
/// `X-PagerDuty-Signature: v1=<hex HMAC-SHA256>` over the body, version 3 of its webhooks. While a secret is rotated
/// there are several, separated by commas.
///
/// ref: <https://developer.pagerduty.com/docs/verifying-webhook-signatures>
pub static PAGERDUTY: Scheme = Scheme {
    name: Borrowed("pagerduty"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: Format {
            items: Borrowed(&[Item { prefix: Borrowed("v1="), value: Placeholder::Signature }]),
            separator: Some(Borrowed(",")),
        },
        encoding: Encoding::HexLower,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/event/event_type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("PagerDuty"),
        document: Borrowed("https://developer.pagerduty.com/docs/verifying-webhook-signatures"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "Only version 3 of its webhooks is signed.",
            "`X-Webhook-Id` names the subscription, not the event.",
            "Nothing tells when an event was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// From the tests of PagerDuty's library for Go (`webhookv3/webhookv3_test.go` in go-pagerduty 1.8.0).
    const CASE: Case<'_> = Case {
        secret: "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK",
        body: r#"{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated","resource_type":"incident","occurred_at":"2021-04-26T17:36:27.458Z","agent":{"html_url":"https://acme.pagerduty.com/users/PLH1HKV","id":"PLH1HKV","self":"https://api.pagerduty.com/users/PLH1HKV","summary":"Tenex Engineer","type":"user_reference"},"client":null,"data":{"id":"PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2","html_url":"https://acme.pagerduty.com/incidents/PGR0VU2","number":2,"status":"triggered","title":"A little bump in the road","service":{"html_url":"https://acme.pagerduty.com/services/PF9KMXH","id":"PF9KMXH","self":"https://api.pagerduty.com/services/PF9KMXH","summary":"API Service","type":"service_reference"},"assignees":[{"html_url":"https://acme.pagerduty.com/users/PTUXL6G","id":"PTUXL6G","self":"https://api.pagerduty.com/users/PTUXL6G","summary":"User 123","type":"user_reference"}],"escalation_policy":{"html_url":"https://acme.pagerduty.com/escalation_policies/PUS0KTE","id":"PUS0KTE","self":"https://api.pagerduty.com/escalation_policies/PUS0KTE","summary":"Default","type":"escalation_policy_reference"},"teams":[{"html_url":"https://acme.pagerduty.com/teams/PFCVPS0","id":"PFCVPS0","self":"https://api.pagerduty.com/teams/PFCVPS0","summary":"Engineering","type":"team_reference"}],"priority":{"html_url":"https://acme.pagerduty.com/account/incident_priorities","id":"PSO75BM","self":"https://api.pagerduty.com/priorities/PSO75BM","summary":"P1","type":"priority_reference"},"urgency":"high","conference_bridge":{"conference_number":1000,"conference_url":"https://example.com"},"resolve_reason":null}}}"#,
        headers: &[("x-pagerduty-signature", "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd")],
        id: "01BWDWL3NYY7LUFPZCC28QUCMK",
        kind: Some("incident.priority_updated"),
        ..Case::of("pagerduty")
    };

    #[test]
    fn what_the_tests_of_its_library_accept_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn of_several_signatures_any_may_match() {
        let good = CASE.headers[0].1;
        let other = "v1=7020c8a7ec668a9b7012bc3dd82e483394b038f4230acc6785efbf2a7d8bcaf5";
        for (value, expected) in [
            (format!("{good},{other}"), None),
            (format!("{other},{good}"), None),
            (format!("v2=new,{good}"), None),
            (format!("{other},{other}"), Some(Rejection::Mismatch)),
            (format!("{good},v1=cut"), Some(Rejection::Malformed)),
            (format!("{other}, {good}"), Some(Rejection::Malformed)),
        ] {
            let headers = [("x-pagerduty-signature", value.as_str())];
            assert_eq!(Case { headers: &headers, ..CASE }.verify().err(), expected, "{value}");
        }
    }
}
