package entra

import "encoding/json"

// capable adds to demanded claims, a JSON object or nothing, that the gateway understands such demands: tokens then end
// when something happens to the person (Microsoft Learn, "Claims challenges, claims requests and client capabilities").
// It asks for that in the name of people alone. An application's token would live for a day, and so long not know of a
// permission that was just granted.
func capable(claims string) string {
	var request map[string]json.RawMessage
	if json.Unmarshal([]byte(claims), &request) != nil || request == nil {
		request = map[string]json.RawMessage{}
	}
	var token map[string]json.RawMessage
	if json.Unmarshal(request["access_token"], &token) != nil || token == nil {
		token = map[string]json.RawMessage{}
	}
	token["xms_cc"] = json.RawMessage(`{"values":["cp1"]}`)
	request["access_token"], _ = json.Marshal(token) // it was JSON
	text, _ := json.Marshal(request)
	return string(text)
}
