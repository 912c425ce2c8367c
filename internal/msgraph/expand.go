package msgraph

import "strings"

// expansions returns the $expand values to try for the relations wanted, the fullest first, without those
// that the endpoint has refused before. The last one is empty: the relations are then read one by one.
//
// Of the relations of an assignment error the reference allows both together and shows neither; assignedTo
// alone is in use. So the order in which they are given is the order of what is worth keeping.
func (c *Client) expansions(endpoint string, wanted []string) []string {
	var values []string
	for n := len(wanted); n > 0; n-- {
		value := strings.Join(wanted[:n], ",")
		if _, refused := c.refused.Load(endpoint + " " + value); !refused {
			values = append(values, value)
		}
	}
	return append(values, "")
}

// expanding makes a read that brings relations along as far as the endpoint can. What it refuses is
// remembered for the life of the client, once a lesser request has shown that the relations were to blame.
func (c *Client) expanding(r *read, wanted []string, address func(expand string) string) *read {
	values := c.expansions(r.endpoint, wanted)
	r.url = address(values[0])
	for _, value := range values[1:] {
		r.others = append(r.others, address(value))
	}
	r.took = func(refused int) {
		for _, value := range values[:refused] {
			c.refused.Store(r.endpoint+" "+value, true)
		}
	}
	return r
}
