package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"licensegraph/internal/config"
	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// TestHangup replaces all files that SIGHUP reads again: by others, by invalid ones, which are not used, and by others
// again. The program continues to serve.
func TestHangup(t *testing.T) {
	t.Parallel()
	const (
		e3     = "05e9a617-0261-4cee-bb44-138d3ef5d965"
		header = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names\n"
		query  = `{subscribedSku(skuId:"` + e3 + `"){productName price{amount}}}`
	)
	tenant := emulatortest.Start(t, emulator.Options{Users: 20})
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	files := newIdentityFiles(t)
	names := func(name string) string {
		return header + name + ",SPE_E3," + e3 + ",SWAY,a23b959c-7ce8-4e57-9140-b90eb88a9e97,Sway\n"
	}
	prices := func(price string) string { return "sku,monthlyPrice,currency\nspe_e3," + price + ",EUR\n" }
	key := func(b byte) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, config.CursorKeyBytes))
	}
	write := func(n int) {
		overwrite(t, path("secret"), tenant.ClientSecret())
		overwrite(t, path("names"), names(fmt.Sprint("Name ", n)))
		overwrite(t, path("prices"), prices(fmt.Sprint(n, ".50")))
		overwrite(t, path("documents"), fmt.Sprintf(`{"id%d":"{__typename}"}`, n))
		overwrite(t, path("key"), key(byte(n)))
	}
	flags := map[string]string{"client-secret-file": "secret", "product-names": "names", "price-file": "prices", "trusted-documents": "documents", "cursor-key-file": "key"}
	args := append(files.flags(), "--shutdown-delay=0s", "--tenant-id="+tenant.TenantID(), "--client-id="+tenant.ClientID(), "--graph-url="+tenant.URL, "--authority="+tenant.URL)
	for flag, name := range flags {
		args = append(args, "--"+flag+"="+path(name))
	}
	write(1)
	p := launch(t, nil, args...)
	p.client = files.client(t, onlyHTTP2)
	host := strings.TrimPrefix(p.url, "https://")
	hangups := 0
	hangUp := func() string {
		t.Helper()
		before := len(p.stderr.String())
		if err := syscall.Kill(p.pid, syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		hangups++
		p.stderr.waitTimes("reloaded after SIGHUP", hangups)
		return p.stderr.String()[before:]
	}
	uses := func(n int, serial string) {
		t.Helper()
		if _, body := p.ask(t, query); !strings.Contains(body, fmt.Sprintf(`"productName":"Name %d","price":{"amount":"%d.50"}`, n, n)) {
			t.Errorf("want file %d: %s", n, body)
		}
		for id, want := range map[string]bool{fmt.Sprint("id", n): true, fmt.Sprint("id", n+1): false} {
			if _, body := p.get(t, "/graphql?documentId="+id); strings.Contains(body, `"data":{"__typename":"Query"}`) != want {
				t.Errorf("document %s: %s", id, body)
			}
		}
		if got := files.serialOf(t, host); got != serial {
			t.Errorf("certificate %s, want %s", got, serial)
		}
	}
	// Cursors show which key is used.
	cursor := func() string {
		_, body := p.ask(t, `{users(first:1){pageInfo{endCursor}}}`)
		_, rest, _ := strings.Cut(body, `"endCursor":"`)
		text, _, _ := strings.Cut(rest, `"`)
		return text
	}
	valid := func(after string) bool {
		_, body := p.ask(t, `{users(first:1,after:"`+after+`"){nodes{id}}}`)
		return strings.Contains(body, `"nodes":[{"id":"`)
	}

	first := files.serial
	uses(1, first)
	old := cursor()

	write(2)
	files.replace(t)
	second := files.serial
	log := hangUp()
	uses(2, second)
	if valid(old) || !valid(cursor()) {
		t.Error("the cursor key was not replaced")
	}
	if strings.Contains(log, "level=ERROR") || !strings.Contains(log, `files="[--client-secret-file --product-names --price-file --trusted-documents --cursor-key-file --tls-cert-file]" failed=[]`) {
		t.Errorf("the log:\n%s", log)
	}

	current := cursor()
	overwrite(t, path("secret"), " ")
	overwrite(t, path("names"), header+"canary,canary,canary,canary,canary,canary\n")
	overwrite(t, path("prices"), "sku,monthlyPrice,currency\nspe_e3,canary,EUR\n")
	overwrite(t, path("documents"), `{"canary": "{`)
	overwrite(t, path("key"), "canary")
	overwrite(t, files.cert, "canary")
	log = hangUp()
	uses(2, second)
	if !valid(current) {
		t.Error("the cursor key is gone")
	}
	for _, file := range []string{path("secret"), path("names"), path("prices"), path("documents"), path("key"), files.cert} {
		if got := strings.Count(log, file+":"); got != 1 {
			t.Errorf("%d errors of %s:\n%s", got, file, log)
		}
	}
	if strings.Contains(log, "canary") || strings.Count(log, "the previous content remains in use") != 5 || strings.Count(log, "level=ERROR") != 6 || !strings.Contains(log, "files=[]") {
		t.Errorf("the log:\n%s", log)
	}

	write(3)
	files.replace(t)
	hangUp()
	uses(3, files.serial)
}

// TestHangupOfTheEmbeddedTenant tests that SIGHUP does not end the program if there is nothing to read again.
func TestHangupOfTheEmbeddedTenant(t *testing.T) {
	t.Parallel()
	p := launch(t, nil, "--shutdown-delay=0s")
	if err := syscall.Kill(p.pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.stderr.wait("reloaded after SIGHUP")
	if status, body := p.ask(t, "{__typename}"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}
