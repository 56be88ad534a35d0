// A Vault that keeps everything in memory, with a KV and an AppRole engine to be mounted: the core, its engines and its HTTP
// API as HashiCorp publishes them, without what its own command needs beside them. Takes the files of a certificate and of
// its key, and prints where it listens, its root token and its unseal key.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// engines says which of them are built in.
type engines map[consts.PluginType]map[string]logical.Factory

var builtIn = engines{
	consts.PluginTypeSecrets:    {"kv": kv.Factory},
	consts.PluginTypeCredential: {"approle": approle.Factory},
}

func (e engines) Contains(name string, kind consts.PluginType) bool {
	_, found := e[kind][name]
	return found
}

func (e engines) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, found := e[kind][name]
	return func() (interface{}, error) { return factory, nil }, found
}

func (e engines) Keys(kind consts.PluginType) []string {
	var names []string
	for name := range e[kind] {
		names = append(names, name)
	}
	return names
}

func (e engines) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, e.Contains(name, kind)
}

func (e engines) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: vault CERTIFICATE KEY")
	}
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Warn})
	storage, err := inmem.NewInmem(nil, logger)
	check(err)
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		Logger:             logger,
		DisableMlock:       true,
		BuiltinRegistry:    builtIn,
		LogicalBackends:    builtIn[consts.PluginTypeSecrets],
		CredentialBackends: builtIn[consts.PluginTypeCredential],
	})
	check(err)
	made, err := core.Initialize(context.Background(), &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
	})
	check(err)
	key := hex.EncodeToString(made.SecretShares[0])
	_, err = core.Unseal(made.SecretShares[0])
	check(err)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(map[string]string{
		"address": listener.Addr().String(), "token": made.RootToken, "key": key,
	}))
	properties := &vault.HandlerProperties{Core: core, ListenerConfig: &configutil.Listener{}}
	check(http.ServeTLS(listener, vaulthttp.Handler.Handler(properties), os.Args[1], os.Args[2]))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
