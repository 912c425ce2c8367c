package entra

import "encoding/json"

// withClientCapability adds the client capability CP1 to a claims request, a JSON object or empty. With CP1, Entra ID revokes tokens
// when a user's status changes (Microsoft Learn, "Claims challenges, claims requests and client capabilities"). It is
// used on behalf of users only: an application's token would be valid for a day, and lack permissions granted in that
// time.
func withClientCapability(claims string) string {
	var request map[string]json.RawMessage
	if json.Unmarshal([]byte(claims), &request) != nil || request == nil {
		request = map[string]json.RawMessage{}
	}
	var token map[string]json.RawMessage
	if json.Unmarshal(request["access_token"], &token) != nil || token == nil {
		token = map[string]json.RawMessage{}
	}
	token["xms_cc"] = json.RawMessage(`{"values":["cp1"]}`)
	request["access_token"], _ = json.Marshal(token) // valid JSON: decoded above
	text, _ := json.Marshal(request)
	return string(text)
}
