package api

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	for _, r := range []*report{activeUsers, copilotUsers} {
		for _, parameter := range r.parameters {
			register([]Route{{Method: get, Template: r.path + "(" + parameter + ")", handler: func(e *Endpoints, c *call) (any, *wire.Problem) { return e.getReport(c, r) },
				App: readReports, Scopes: readReports, clearance: access.ReadsReports, most: reportPage, report: r.limit}})
		}
	}
	const settings = "/admin/reportSettings"
	register([]Route{
		{Method: get, Template: settings, handler: (*Endpoints).getReportSettings, App: readSettings, Scopes: readSettings, clearance: access.ReadsReports},
		{Method: http.MethodPatch, Template: settings, handler: (*Endpoints).updateReportSettings, App: writeSettings, Scopes: writeSettings, clearance: access.SetsReports},
	})
}

var (
	readReports   = []string{"Reports.Read.All"}
	writeSettings = []string{"ReportSettings.ReadWrite.All"}
	readSettings  = with([]string{"ReportSettings.Read.All"}, writeSettings)
)

const (
	reportPage = 200 // rows of a page, and the largest $top
	reportAge  = 2   // days
	// DownloadPath is the path of files, outside of Graph.
	DownloadPath     = "data/download"
	downloadLifetime = 5 * time.Minute
	jsonFormat       = "application/json"
	csvFormat        = "text/csv"
)

// report is a usage report: a table.
type report struct {
	path       string
	parameters []string // forms of its parameters
	periods    []string
	limit      int    // number among reports, which have separate limits
	context    string // of its JSON; "" = none, as in the sample
	v1         bool   // version 1.0 has JSON
	none       any    // JSON of a day without a value
	names      []string
	headers    []string
	rows       func(c *call, day time.Time, on *time.Time, period string) listing[[]any] // on: only accounts with activity on that day
}

var activeUsers = &report{
	path: "/reports/getOffice365ActiveUserDetail", parameters: []string{"period='{id}'", "date={id}"}, periods: []string{"D7", "D30", "D90", "D180"}, limit: 1,
	context: "Collection(microsoft.graph.office365ActiveUserDetail)",
	names: strings.Fields(`reportRefreshDate userPrincipalName displayName isDeleted deletedDate
		hasExchangeLicense hasOneDriveLicense hasSharePointLicense hasSkypeForBusinessLicense hasYammerLicense hasTeamsLicense
		exchangeLastActivityDate oneDriveLastActivityDate sharePointLastActivityDate skypeForBusinessLastActivityDate yammerLastActivityDate teamsLastActivityDate
		exchangeLicenseAssignDate oneDriveLicenseAssignDate sharePointLicenseAssignDate skypeForBusinessLicenseAssignDate yammerLicenseAssignDate teamsLicenseAssignDate
		assignedProducts`),
	headers: strings.Split("Report Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,"+
		"Has Exchange License,Has OneDrive License,Has SharePoint License,Has Skype For Business License,Has Yammer License,Has Teams License,"+
		"Exchange Last Activity Date,OneDrive Last Activity Date,SharePoint Last Activity Date,Skype For Business Last Activity Date,Yammer Last Activity Date,Teams Last Activity Date,"+
		"Exchange License Assign Date,OneDrive License Assign Date,SharePoint License Assign Date,Skype For Business License Assign Date,Yammer License Assign Date,Teams License Assign Date,"+
		"Assigned Products", ","),
	rows: func(c *call, day time.Time, on *time.Time, _ string) listing[[]any] {
		return listing[[]any]{after: func(place int64) iter.Seq2[int64, []any] {
			return func(yield func(int64, []any) bool) {
				for at, u := range c.tenant.Usages(day, place) {
					active := slices.ContainsFunc(u.Services[:], func(s tenant.Use) bool { return on != nil && s.Last.Equal(*on) })
					if (on == nil || active) && !yield(at, c.activeUser(u, day)) {
						return
					}
				}
			}
		}}
	},
}

func (c *call) activeUser(u tenant.Usage, day time.Time) []any {
	name, shown := c.reported(u.PrincipalName, u.DisplayName)
	row := []any{day, name, shown, !u.Deleted.IsZero(), u.Deleted}
	for _, s := range u.Services {
		row = append(row, s.Licensed)
	}
	for _, s := range u.Services {
		row = append(row, s.Last)
	}
	for _, s := range u.Services {
		row = append(row, s.Assigned)
	}
	products := []string{}
	for _, s := range u.Products {
		part := c.tenant.Product(s).SkuPartNumber
		if title, ok := reportedProducts[part]; ok {
			part = title
		}
		products = append(products, strings.ToUpper(part))
	}
	return append(row, products)
}

// reportedProducts are the names of products in reports, before they are in
// upper case. See "Product names and service plan identifiers for licensing".
var reportedProducts = map[string]string{
	"SPE_E3": "Microsoft 365 E3", "SPE_E5": "Microsoft 365 E5", "SPB": "Microsoft 365 Business Premium", "SPE_F1": "Microsoft 365 F3",
	"Microsoft_365_Copilot": "Microsoft 365 Copilot", "MCOMEETADV": "Microsoft 365 Audio Conferencing", "MCOEV": "Microsoft Teams Phone Standard",
	"WORKPLACE_ANALYTICS": "Microsoft Workplace Analytics", "EXCHANGESTANDARD": "Exchange Online (Plan 1)", "VISIOCLIENT": "Visio Plan 2",
}

var copilotUsers = &report{
	path: "/copilot/reports/getMicrosoft365CopilotUsageUserDetail", parameters: []string{"period='{id}'", "period='{id}',version='{id}'"},
	periods: []string{"D7", "D30", "D90", "D180", "ALL"}, limit: 2, v1: true, none: "",
	names: strings.Fields(`reportRefreshDate userPrincipalName displayName lastActivityDate copilotChatLastActivityDate microsoftTeamsCopilotLastActivityDate
		wordCopilotLastActivityDate excelCopilotLastActivityDate powerPointCopilotLastActivityDate outlookCopilotLastActivityDate
		oneNoteCopilotLastActivityDate loopCopilotLastActivityDate copilotActivityUserDetailsByPeriod`),
	headers: strings.Split("Report Refresh Date,User Principal Name,Display Name,Last Activity Date,Copilot Chat Last Activity Date,Microsoft Teams Copilot Last Activity Date,"+
		"Word Copilot Last Activity Date,Excel Copilot Last Activity Date,PowerPoint Copilot Last Activity Date,Outlook Copilot Last Activity Date,"+
		"OneNote Copilot Last Activity Date,Loop Copilot Last Activity Date,Report Period", ","),
	rows: func(c *call, day time.Time, _ *time.Time, period string) listing[[]any] {
		periods := []int{7, 30, 90, 180}
		if n, err := strconv.Atoi(period[1:]); err == nil {
			periods = []int{n}
		}
		return listing[[]any]{after: func(place int64) iter.Seq2[int64, []any] {
			return func(yield func(int64, []any) bool) {
				for at, u := range c.tenant.CopilotUse(day, place) {
					name, shown := c.reported(u.PrincipalName, u.DisplayName)
					row := []any{day, name, shown, slices.MaxFunc(u.Last[:], time.Time.Compare)}
					for _, last := range u.Last {
						row = append(row, last)
					}
					if !yield(at, append(row, periods)) {
						return
					}
				}
			}
		}}
	},
}

// concealed reports whether reports have pseudonyms instead of names.
func (c *call) concealed() bool {
	if shown := c.tenant.ReportNames(); shown != nil {
		return !*shown
	}
	return !c.Variants.ReportNames
}

// reported returns the names of an account as reports have them.
func (c *call) reported(principalName, displayName string) (string, string) {
	if !c.concealed() {
		return principalName, displayName
	}
	hidden := func(topic string) string {
		g := c.tenant.Seed().GUID(topic+principalName, 0)
		return strings.ToUpper(hex.EncodeToString(g[:]))
	}
	return hidden("concealed "), hidden("concealed name ")
}

// reportQuery is what a report is about.
type reportQuery struct {
	Report int    `json:"r"` // limit of the report
	Period string `json:"p,omitempty"`
	On     string `json:"d,omitempty"`
	Made   int64  `json:"t"` // Unix time
}

// readReport checks the parameters in the path.
func (c *call) readReport(r *report) (reportQuery, *wire.Problem) {
	q := reportQuery{Report: r.limit, Period: c.params[0], Made: c.Date.Unix()}
	switch {
	case len(c.params) == 2 && c.params[1] == "v2":
		return q, notImplemented("version='v2'")
	case len(c.params) == 2 && c.params[1] != "v1":
		return q, badRequest("Invalid parameter: version.")
	case strings.HasSuffix(c.route.Template, "(date={id})"):
		q.Period, q.On = "", c.params[0]
		on, err := time.Parse(time.DateOnly, q.On)
		if day := c.reportDay(); err != nil || on.After(day) || on.Before(day.AddDate(0, 0, -30)) {
			return q, badRequest("Invalid parameter: date. It has to be a day of the last 30.")
		}
	case !slices.Contains(r.periods, q.Period):
		return q, badRequest("Invalid parameter: period. Supported values: %s.", strings.Join(r.periods, ", "))
	}
	return q, nil
}

// reportDay returns the day of the latest data.
func (c *call) reportDay() time.Time {
	return c.Date.UTC().Truncate(24*time.Hour).AddDate(0, 0, -reportAge)
}

// rowsOf lists the rows of a report.
func (c *call) rowsOf(r *report, q reportQuery) listing[[]any] {
	var on *time.Time
	if day, err := time.Parse(time.DateOnly, q.On); err == nil {
		on = &day
	}
	return r.rows(c, c.reportDay(), on, q.Period)
}

// getReport answers with the address of a CSV file, or with a page of JSON.
func (e *Endpoints) getReport(c *call, r *report) (any, *wire.Problem) {
	allowed := optFormat | optTop
	if c.Version != "beta" && !r.v1 {
		allowed = 0
	}
	q, p := e.options(c, directory, allowed)
	if p != nil {
		return nil, p
	}
	about, p := c.readReport(r)
	if p != nil {
		return nil, p
	}
	if q.format != jsonFormat {
		if q.top > 0 {
			return nil, unsupported("'$top' is supported only with $format=%s.", jsonFormat)
		}
		location := c.Base + "/" + DownloadPath + r.path[strings.LastIndexByte(r.path, '/'):] + "?token=" + e.seal(about)
		return outcome{http.StatusFound, map[string]string{"Location": location, "Content-Type": "text/plain"}, nil}, nil
	}
	body := pageOf(e, c, q, r.context, positive(q.top, reportPage), c.rowsOf(r, about), r.json)
	if r.context == "" {
		delete(body, "@odata.context")
	}
	return body, nil
}

// json returns a row as an object.
func (r *report) json(row []any) object {
	o := object{}
	for i, v := range row {
		switch v := v.(type) {
		case time.Time:
			if o[r.names[i]] = r.none; !v.IsZero() {
				o[r.names[i]] = v.Format(time.DateOnly)
			}
		case []int:
			periods := []object{}
			for _, n := range v {
				periods = append(periods, object{"reportPeriod": n})
			}
			o[r.names[i]] = periods
		default:
			o[r.names[i]] = v
		}
	}
	return o
}

// csv returns the file of a report, which starts with a byte order mark.
func (r *report) csv(rows listing[[]any]) []byte {
	b := bytes.NewBufferString("\ufeff")
	w := csv.NewWriter(b)
	record := append([]string{}, r.headers...)
	_ = w.Write(record) // A buffer has no errors.
	for _, row := range rows.after(-1) {
		for i, v := range row {
			switch v := v.(type) {
			case time.Time:
				if record[i] = ""; !v.IsZero() {
					record[i] = v.Format(time.DateOnly)
				}
			case bool:
				record[i] = strings.ToUpper(strconv.FormatBool(v)[:1]) + strconv.FormatBool(v)[1:]
			case []string:
				record[i] = strings.Join(v, "+")
			case []int:
				var texts []string
				for _, n := range v {
					texts = append(texts, strconv.Itoa(n))
				}
				record[i] = strings.Join(texts, "+")
			case string:
				record[i] = v
			}
		}
		_ = w.Write(record)
	}
	w.Flush()
	return b.Bytes()
}

// Download answers with the file whose address a report was answered with. The
// address is valid for some minutes, and a request with a token is rejected.
func (e *Endpoints) Download(outer *wire.Call, uri string) wire.Answer {
	outer.Label = wire.DownloadLabel
	c := &call{Call: outer}
	a := e.answerFaulty(c, uri, func() wire.Answer {
		refuse := func(status int, message string) wire.Answer {
			p := wire.Usual(status)
			p.Message = message
			return p.Answer(outer)
		}
		values, err := url.ParseQuery(c.RawQuery)
		var about reportQuery
		switch {
		case c.Method != http.MethodGet && c.Method != http.MethodHead:
			return wire.Usual(http.StatusMethodNotAllowed).Answer(outer)
		case c.Header.Get("Authorization") != "":
			return refuse(http.StatusBadRequest, "This address takes no Authorization header.")
		case err != nil || !e.unseal(values.Get("token"), &about):
			return refuse(http.StatusForbidden, "The address is not valid.")
		case c.Date.Sub(time.Unix(about.Made, 0)) > downloadLifetime:
			return refuse(http.StatusForbidden, "The address has expired.")
		}
		i := slices.IndexFunc([]*report{activeUsers, copilotUsers}, func(r *report) bool { return r.limit == about.Report })
		if i < 0 {
			return refuse(http.StatusForbidden, "The address is not valid.")
		}
		r := []*report{activeUsers, copilotUsers}[i]
		defer e.enter(c)()
		return wire.Answer{Status: http.StatusOK, Plain: true, Header: map[string]string{"Content-Type": "application/octet-stream"}, Body: r.csv(c.rowsOf(r, about))}
	})
	a.Plain = true
	return a
}

// settingsType is the properties of adminReportSettings.
var settingsType = entityType[struct{}]{name: "microsoft.graph.adminReportSettings", props: map[string]property[struct{}]{
	"displayConcealedNames": {get: func(c *call, _ struct{}) any { return c.concealed() }, onDefault: true},
}}

func (e *Endpoints) getReportSettings(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	if p := settingsType.check(directory, q.sel); p != nil {
		return nil, p
	}
	o := settingsType.render(c, struct{}{}, q.sel)
	if c.Variants.WrapSingle {
		o = object{"value": o}
	}
	o["@odata.context"] = c.context(fragment("admin/reportSettings", q.sel) + "/$entity")
	return o, nil
}

// updateReportSettings changes the setting, see "Update adminReportSettings".
func (e *Endpoints) updateReportSettings(c *call) (any, *wire.Problem) {
	body, p := c.rawMembers()
	if p != nil {
		return nil, p
	}
	var concealed *bool
	for name, raw := range body {
		if name != "displayConcealedNames" {
			return nil, badRequest("The property '%.80s' does not exist on type '%s'.", name, settingsType.name)
		}
		if json.Unmarshal(raw, &concealed) != nil || concealed == nil {
			return nil, badRequest("Invalid value specified for property 'displayConcealedNames'.")
		}
	}
	if concealed == nil {
		return nil, badRequest("A value is required for property 'displayConcealedNames'.")
	}
	c.tenant.SetReportNames(!*concealed)
	return nil, nil
}
