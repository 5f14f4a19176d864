<?php
// Receivers in PHP, for its built-in server. LVConnect's document has the check right, but for a header that is missing.

declare(strict_types=1);

$secret = fn(string $sender): string => (string) getenv(strtoupper($sender) . '_SECRET');
$header = fn(string $name): string => (string) ($_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? '');
// The bytes that were signed.
$body = (string) file_get_contents('php://input');
$sender = basename((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));

/** The payload of a compact JWS that is signed with HS256 and this secret; null: it is not. */
function payload(string $token, string $secret): ?string
{
    $parts = explode('.', $token);
    if (count($parts) !== 3) {
        return null;
    }
    [$head, $payload, $signature] = $parts;
    $expected = unpadded(base64_encode(hash_hmac('sha256', "$head.$payload", $secret, true)));
    $algorithm = json_decode(decoded($head), true)['alg'] ?? null;
    return $algorithm === 'HS256' && hash_equals($expected, $signature) ? decoded($payload) : null;
}

function unpadded(string $base64): string
{
    return rtrim(strtr($base64, '+/', '-_'), '=');
}

function decoded(string $base64url): string
{
    return (string) base64_decode(strtr($base64url, '-_', '+/'), true);
}

$payload = match ($sender) {
    'lvconnect' => hash_equals('sha1=' . hash_hmac('sha1', $body, $secret($sender)), $header('X-LVConnect-Signature')) ? $body : null,
    'loginradius' => hash_equals(strtoupper(hash_hmac('sha256', $body, $secret($sender))), $header('signature')) ? $body : null,
    'lmif' => hash_equals('sha256=' . hash_hmac('sha256', $body, $secret($sender)), $header('X-LMIF-Signature')) ? $body : null,
    'risr' => payload($body, $secret($sender)),
    default => null,
};
$data = $payload === null ? null : json_decode($payload, true);
$event = match ($payload === null ? '' : $sender) {
    'lvconnect' => [$header('X-LVConnect-Event'), $header('X-LVConnect-Delivery')],
    'loginradius' => [$data['HookName'], $data['HookId']],
    'lmif' => [$data['type'], $data['id']],
    'risr' => [null, $data['webhook_request_id']],
    default => null,
};

// What the suite is told.
file_put_contents('php://stdout', json_encode([
    'method' => $_SERVER['REQUEST_METHOD'],
    'target' => $_SERVER['REQUEST_URI'],
    'headers' => array_change_key_case(getallheaders()),
    'body' => base64_encode($body),
    'accepted' => $payload !== null,
    'event' => $event,
]) . "\n");

if ($payload === null) {
    http_response_code(401);
    echo 'Invalid signature';
} elseif ($sender === 'lvconnect') {
    http_response_code(204);
} elseif ($sender === 'lmif') {
    header('Content-Type: text/plain; charset=utf-8');
    echo 'OK';
} else {
    header('Content-Type: application/json; charset=utf-8');
    echo json_encode($sender === 'risr' ? ['ok' => true] : ['received' => $event[1]]);
}
