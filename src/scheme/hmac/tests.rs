use std::path::Path;

use serde_json::Value;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn mac(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Tag {
    let mut mac = Mac::new(algorithm, key);
    mac.update(message);
    mac.finish()
}

/// Keys and messages that RFC 2202 §3 and RFC 4231 §4 share; the latter's sixth and seventh are longer.
fn inputs(long: usize, last: &str) -> [(Vec<u8>, Vec<u8>); 7] {
    [
        (vec![0x0b; 20], b"Hi There".to_vec()),
        (b"Jefe".to_vec(), b"what do ya want for nothing?".to_vec()),
        (vec![0xaa; 20], vec![0xdd; 50]),
        ((1..=25).collect(), vec![0xcd; 50]),
        (vec![0x0c; 20], b"Test With Truncation".to_vec()),
        (vec![0xaa; long], b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec()),
        (vec![0xaa; long], last.as_bytes().to_vec()),
    ]
}

#[test]
fn the_vectors_of_rfc_2202_hold() {
    let expected = [
        "b617318655057264e28bc0b6fb378c8ef146be00",
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
        "4c9007f4026250c6bc8414f9bf50c86c2d7235da",
        "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04",
        "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
    ];
    let last = "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data";

    for ((key, message), expected) in inputs(80, last).iter().zip(expected) {
        assert_eq!(mac(Algorithm::Sha1, key, message).as_bytes(), bytes(expected));
    }
}

#[test]
fn the_vectors_of_rfc_4231_hold() {
    let last = "This is a test using a larger than block-size key and a larger than block-size data. \
                The key needs to be hashed before being used by the HMAC algorithm.";

    for (algorithm, expected) in RFC_4231 {
        for ((key, message), expected) in inputs(131, last).iter().zip(expected) {
            let tag = mac(algorithm, key, message);
            // The fifth is published truncated to 128 bits.
            assert_eq!(tag.as_bytes()[..expected.len() / 2], bytes(expected));
        }
    }
}

const RFC_4231: [(Algorithm, [&str; 7]); 3] = [
    (
        Algorithm::Sha256,
        [
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            "a3b6167473100ee06e0c796c2955552b",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ],
    ),
    (
        Algorithm::Sha384,
        [
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
            "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
            "3abf34c3503b2a23a46efc619baef897",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
            "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
        ],
    ),
    (
        Algorithm::Sha512,
        [
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
            "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
            "415fad6271580a531d4179bc891d87a6",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
        ],
    ),
];

#[test]
fn wycheproof_s_vectors_hold() {
    for (algorithm, file, tests) in [
        (Algorithm::Sha1, "hmac_sha1_test.json", 170),
        (Algorithm::Sha256, "hmac_sha256_test.json", 174),
        (Algorithm::Sha384, "hmac_sha384_test.json", 174),
        (Algorithm::Sha512, "hmac_sha512_test.json", 174),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/wycheproof").join(file);
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let groups = file["testGroups"].as_array().unwrap().iter();
        let run =
            groups.flat_map(|group| group["tests"].as_array().unwrap()).map(|test| check(algorithm, test)).count();
        assert_eq!(run, tests);
    }
}

fn check(algorithm: Algorithm, test: &Value) {
    let field = |name: &str| bytes(test[name].as_str().unwrap());
    let (made, offered) = (mac(algorithm, &field("key"), &field("msg")), field("tag"));
    let valid = test["result"] == "valid";

    assert_eq!(made.as_bytes().starts_with(&offered), valid, "{test}");
    // Half a tag is no tag, even where it is right.
    let whole = offered.len() == algorithm.size();
    assert_eq!(bool::from(made.ct_eq(&Tag::new(&offered))), valid && whole, "{test}");
}
