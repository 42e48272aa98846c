// tlog_client is an auditor who has never heard of Daybook: the torchwood library, a policy file,
// and an export (a directory or a URL) or one proof.
//
//	tlog_client POLICY DIRECTORY|URL       every entry against the tiles, the root and the policy
//	tlog_client POLICY ENTRY ENTRY.tlog-proof
//
// Prints one line that begins with OK and exits 0, or says what is wrong and exits 1.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	var said string
	var err error
	switch len(os.Args) {
	case 3:
		said, err = checkLog(os.Args[1], os.Args[2])
	case 4:
		said, err = checkProof(os.Args[1], os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: tlog_client POLICY DIRECTORY|URL, or POLICY ENTRY PROOF")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "BAD", err)
		os.Exit(1)
	}
	fmt.Println("OK", said)
}

func readPolicy(path string) (torchwood.Policy, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return torchwood.ParsePolicy(text)
}

func checkLog(policyPath, from string) (string, error) {
	policy, err := readPolicy(policyPath)
	if err != nil {
		return "", err
	}
	var note []byte
	var tiles torchwood.TileReader
	if strings.HasPrefix(from, "http://") {
		if note, err = get(strings.TrimSuffix(from, "/") + "/checkpoint"); err != nil {
			return "", err
		}
		tiles, err = torchwood.NewTileFetcher(from)
	} else {
		if note, err = os.ReadFile(filepath.Join(from, "checkpoint")); err != nil {
			return "", err
		}
		tiles, err = torchwood.NewTileFS(os.DirFS(from))
	}
	if err != nil {
		return "", err
	}
	checkpoint, _, err := torchwood.VerifyCheckpoint(note, policy)
	if err != nil {
		return "", err
	}
	client, err := torchwood.NewClient(tiles)
	if err != nil {
		return "", err
	}
	seen := int64(0)
	for range client.AllEntries(context.Background(), checkpoint.Tree, 0) {
		seen++
	}
	if err := client.Err(); err != nil {
		return "", err
	}
	if seen != checkpoint.N {
		return "", fmt.Errorf("%d of %d entries", seen, checkpoint.N)
	}
	return fmt.Sprintf("%d entries %s", seen, checkpoint.Hash), nil
}

func get(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 1_000_000))
}

func checkProof(policyPath, entryPath, proofPath string) (string, error) {
	policy, err := readPolicy(policyPath)
	if err != nil {
		return "", err
	}
	entry, err := os.ReadFile(entryPath)
	if err != nil {
		return "", err
	}
	proof, err := os.ReadFile(proofPath)
	if err != nil {
		return "", err
	}
	return "1 entry", torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof)
}
