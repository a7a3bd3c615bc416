/**
 * Keeps the server no longer than the process that started it. Standard input is a pipe from that process: it ends
 * however the process dies, SIGKILL included. Only killing this shell itself leaves the server running.
 */
export const guardScript = `
exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ read -r _; kill -INT $server; } <&3 2>/dev/null & guard=$!
exec 3<&-
wait $server
kill $guard 2>/dev/null
[ -z "$REMOVE" ] || rm -rf "$REMOVE"
`;
