package limits

import (
	"fmt"
	"math"
	"strings"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// limit is the name of a limit in extensions.limit.
type limit string

const (
	limitQuery           limit = "query"
	limitOperationName   limit = "operationName"
	limitTokens          limit = "tokens"
	limitDepth           limit = "depth"
	limitWidth           limit = "width"
	limitRootFields      limit = "rootFields"
	limitFields          limit = "fields"
	limitAliases         limit = "aliases"
	limitDirectives      limit = "directives"
	limitFragments       limit = "fragments"
	limitFragmentCycle   limit = "fragmentCycle"
	limitCost            limit = "cost"
	limitIDs             limit = "ids"
	limitRepresentations limit = "representations"
	limitPage            limit = "page"

	limitAnswer  limit = "answer"
	limitAnswers limit = "answers"

	limitUpstream   limit = "upstream"
	limitNames      limit = "names"
	limitOperations limit = "operations"
	limitVariables  limit = "variables"

	limitEncoding  limit = "encoding"
	limitNUL       limit = "nul"
	limitValues    limit = "values"
	limitNesting   limit = "nesting"
	limitList      limit = "list"
	limitString    limit = "string"
	limitNumber    limit = "number"
	limitMagnitude limit = "magnitude"
	limitMembers   limit = "members"
)

// texts are the message of each limit, with verbs for the measured and the allowed value, and the advice.
var texts = map[limit]struct{ measured, advice string }{
	limitQuery:           {"The query is %s bytes long; %s are allowed.", "Pass values as variables, or use several requests."},
	limitOperationName:   {"The operation's name is %s bytes long; %s are allowed.", "Give the operation a shorter name."},
	limitTokens:          {"The query has %s tokens; %s are allowed.", "Pass values as variables, or use several requests."},
	limitDepth:           {"The query is %s fields deep; %s are allowed.", "Query the innermost objects by ID in a second request."},
	limitWidth:           {"A selection set of the query has %s fields, including those of fragments and of merged fields; %s are allowed.", "Drop repeated fields, or use several requests."},
	limitRootFields:      {"The query has %s root fields; %s are allowed.", "Use a list field such as nodes, or use several requests."},
	limitFields:          {"The query has %s fields and spreads with fragments expanded; %s are allowed.", "Spread fragments less often, or use several requests."},
	limitAliases:         {"The query has %s aliased fields with fragments expanded; %s are allowed.", "Use a list field such as nodes, or use several requests."},
	limitDirectives:      {"The query has %s directives with fragments expanded; %s are allowed.", "Put a directive on a fragment in place of each of its fields."},
	limitFragments:       {"The query defines %s fragments; %s are allowed.", "Use several requests."},
	limitFragmentCycle:   {"A fragment of the query spreads itself, directly or through others (%s; %s are allowed).", "Expand the required number of levels."},
	limitCost:            {"The query costs %s; %s is allowed.", "Request smaller pages, or fewer nested lists."},
	limitIDs:             {"The argument %[3]s has %[1]s elements; %[2]s are allowed.", "Use several requests."},
	limitRepresentations: {"The argument %[3]s has %[1]s elements; %[2]s are allowed.", "Use several requests."},

	limitPage: {"`%[3]s` must be between 1 and %[2]s.", "Use several pages."},

	limitAnswer:  {"The response is larger than %[2]s bytes.", "Request smaller pages or fewer fields."},
	limitAnswers: {"The responses in progress require more than %[2]s bytes of memory.", "Retry later, or request smaller pages."},

	limitUpstream:   {"The operation could require %[1]s requests to Microsoft Graph, most of them for %[3]s; %[2]s are allowed.", "Request smaller pages, fewer nested lists, or fewer objects with relations that are read one by one, such as usageRights."},
	limitNames:      {"A name of the query is %s bytes long; %s are allowed.", "Responses and errors repeat names: use a shorter one."},
	limitOperations: {"The query has %s operations; %s are allowed.", "Only one is executed: send the others in separate requests."},
	limitVariables:  {"An operation defines %s variables; %s are allowed.", "Pass input objects or lists."},

	limitEncoding:  {"The request is not UTF-8 (%s faults; %s are allowed).", "Correct the encoding."},
	limitNUL:       {"A string of the request has %s NUL characters; %s are allowed.", "No ID, name or filter has one: remove them."},
	limitValues:    {"The request has %s JSON values; %s are allowed.", "Use several requests."},
	limitNesting:   {"The JSON of the request is nested %s levels deep; %s are allowed.", "No input of the schema is that deep."},
	limitList:      {"A list of the request has %s elements; %s are allowed.", "Use several requests."},
	limitString:    {"A string of the request is %s bytes long; %s are allowed.", "No ID, name, filter or cursor is that long."},
	limitNumber:    {"A number of the request is %s digits long; %s are allowed.", "Write it with fewer digits."},
	limitMagnitude: {"A number of the request is beyond 64 bits (%s; %s are allowed).", "Ints go to 2147483647."},
	limitMembers:   {"An object of the request has a member %s times; %s is allowed.", "Parsers differ in which one they use."},
}

// exceeded is a limit that a document or an operation exceeds.
type exceeded struct {
	limit             limit
	measured, allowed int
	argument          string // name of the argument, for its limits
	pages             int    // largest page size within the limit; 0 if there is none or it is irrelevant
}

// error returns the GraphQL error; nil for a nil receiver. It is a new value on each call, because error presenters
// modify it.
func (e *exceeded) error() *gqlerror.Error {
	if e == nil {
		return nil
	}
	text := texts[e.limit]
	args := []any{number(e.measured), number(e.allowed)}
	switch e.limit {
	case limitTokens, limitValues, limitNesting, limitList: // counting stops at the limit
		args[0] = "more than " + number(e.allowed)
	case limitIDs, limitRepresentations, limitPage, limitUpstream:
		args = append(args, e.argument)
	}
	extensions := map[string]any{"code": "BAD_USER_INPUT", "limit": string(e.limit)}
	switch e.limit {
	case limitUpstream:
		extensions["code"], extensions["upstreamRequests"] = "UPSTREAM_BUDGET_EXCEEDED", e.measured
	case limitAnswers: // not caused by the client
		extensions["code"], extensions["retryable"], extensions["retryAfterSeconds"] = "RATE_LIMITED", true, 1
	}
	advice := text.advice
	if e.pages > 0 {
		advice = fmt.Sprintf("Pages of at most %d elements are within the limit. ", e.pages) + advice
		extensions["pageSize"] = e.pages
	}
	return &gqlerror.Error{Message: fmt.Sprintf(text.measured, args...) + " " + advice, Extensions: extensions}
}

// number formats n; the maximum represents all larger numbers.
func number(n int) string {
	if n >= most {
		return fmt.Sprintf("%d or more", most)
	}
	return fmt.Sprint(n)
}

// most is the maximum of counts, sums and products.
const most = math.MaxInt32

// sum adds two counts, limited to most.
func sum(a, b int) int { return min(a+b, most) }

// product multiplies two counts, limited to most.
func product(a, b int) int {
	if a > 0 && b > most/a {
		return most
	}
	return a * b
}

// Cut truncates an external text to a number of bytes and appends an ellipsis.
func Cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	return strings.ToValidUTF8(text[:bytes], "") + "…"
}
