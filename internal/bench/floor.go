package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2/clientcredentials"
)

// The types of the response, with only the properties of the question.
type (
	floorService struct {
		PlanID      string `json:"planId"`
		PlanName    string `json:"planName"`
		DisplayName string `json:"displayName,omitempty"`
	}
	floorRight struct {
		ID            string         `json:"id"`
		SkuPartNumber string         `json:"skuPartNumber"`
		Services      []floorService `json:"services"`
	}
	floorState struct {
		State string `json:"state"`
		Error string `json:"error"`
	}
	floorUser struct {
		ID                      string       `json:"id"`
		DisplayName             string       `json:"displayName"`
		UserPrincipalName       string       `json:"userPrincipalName"`
		LicenseAssignmentStates []floorState `json:"licenseAssignmentStates"`
	}
	floorError struct {
		ID                 string      `json:"id"`
		Code               string      `json:"code"`
		Message            string      `json:"message"`
		OccurrenceDateTime time.Time   `json:"occurrenceDateTime"`
		SkuID              string      `json:"skuId"`
		AssignedTo         *floorUser  `json:"assignedTo"`
		UsageRight         *floorRight `json:"usageRight"`
	}
	floorPage[T any] struct {
		Value    []T    `json:"value"`
		NextLink string `json:"@odata.nextLink"`
	}
)

// serveFloor answers the question with minimal code: one list of errors with
// both relations expanded, one list of users with their license states,
// encoding/json and a map.
func serveFloor(upstream string) error {
	var tenant tenantInfo
	if err := json.Unmarshal([]byte(upstream), &tenant); err != nil {
		return err
	}
	credentials := clientcredentials.Config{
		ClientID: tenant.ClientID, ClientSecret: tenant.ClientSecret,
		TokenURL: tenant.URL + "/" + tenant.TenantID + "/oauth2/v2.0/token", Scopes: []string{tenant.URL + "/.default"},
	}
	client := credentials.Client(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "http://"+listener.Addr().String())
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // a benchmark on loopback
		first, err := strconv.Atoi(r.Header.Get("X-Errors"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		errs, err := floor(r.Context(), client, tenant.URL, first)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"assignmentErrors": map[string]any{"nodes": errs}}})
	}))
}

func floor(ctx context.Context, client *http.Client, base string, first int) ([]floorError, error) {
	errs, err := list[floorError](ctx, client, base+"/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo,usageRight&$top="+strconv.Itoa(first), first)
	if err != nil {
		return nil, err
	}
	var users []floorUser
	if len(errs) <= 300 {
		users, err = byID(ctx, client, base, errs)
	} else {
		users, err = list[floorUser](ctx, client, base+"/beta/users?$select=id,licenseAssignmentStates&$top=999", math.MaxInt)
	}
	if err != nil {
		return nil, err
	}
	states := map[string][]floorState{}
	for _, u := range users {
		states[u.ID] = u.LicenseAssignmentStates
	}
	for i := range errs {
		if to := errs[i].AssignedTo; to != nil {
			to.LicenseAssignmentStates = states[to.ID]
		}
	}
	return errs, nil
}

// byID reads the users of up to 300 errors in one batch.
func byID(ctx context.Context, client *http.Client, base string, errs []floorError) (all []floorUser, err error) {
	type part struct {
		ID     string `json:"id"`
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	var parts []part
	for chunk := range slices.Chunk(errs, 15) {
		ids := []string{}
		for _, e := range chunk {
			ids = append(ids, "'"+e.AssignedTo.ID+"'")
		}
		parts = append(parts, part{strconv.Itoa(len(parts)), http.MethodGet, "/users?$select=id,licenseAssignmentStates&$filter=" + url.QueryEscape("id in ("+strings.Join(ids, ",")+")")})
	}
	sent, err := json.Marshal(map[string]any{"requests": parts})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/beta/$batch", bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var got struct {
		Responses []struct {
			Status int                  `json:"status"`
			Body   floorPage[floorUser] `json:"body"`
		} `json:"responses"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return nil, err
	}
	for _, r := range got.Responses {
		if r.Status != http.StatusOK {
			return nil, fmt.Errorf("a part of the batch: %d", r.Status)
		}
		all = append(all, r.Body.Value...)
	}
	return all, nil
}

// list reads pages until they have a number of elements.
func list[T any](ctx context.Context, client *http.Client, address string, number int) (all []T, err error) {
	for address != "" && len(all) < number {
		page, err := get[floorPage[T]](ctx, client, address)
		if err != nil {
			return nil, err
		}
		all, address = append(all, page.Value...), page.NextLink
	}
	return all[:min(number, len(all))], nil
}

func get[T any](ctx context.Context, client *http.Client, address string) (body T, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return body, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return body, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return body, fmt.Errorf("%s: %d", address, resp.StatusCode)
	}
	return body, json.NewDecoder(resp.Body).Decode(&body)
}
