// Drives clients/unity; its last argument has the address, the key and the options.
using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Serialization.Json;
using System.Text;
using System.Threading;
using System.Xml.Linq;
using Modepulse;
using UnityEngine;

public static class Driver
{
    private static readonly Dictionary<string, int> losses = new Dictionary<string, int>();

    public static int Main(string[] arguments)
    {
        var client = new ModepulseClient();
        client.OnLoss = (count, code, message) => losses[code] = (losses.ContainsKey(code) ? losses[code] : 0) + count;
        XElement given = Read(arguments.Last());
        client.Url = given.Element("url").Value;
        client.Key = given.Element("key").Value;
        foreach (XElement option in given.Element("options").Elements()) Set(client, option);
        Call(client, "OnEnable");
        var lines = new BlockingCollection<string>();
        var reader = new Thread(() =>
        {
            for (string line; (line = Console.ReadLine()) != null;) lines.Add(line);
            lines.CompleteAdding();
        });
        reader.IsBackground = true;
        reader.Start();
        for (string line; !lines.IsCompleted;)
        {
            if (lines.TryTake(out line, 5)) Console.WriteLine(Do(client, Read(line).Elements().ToList()));
            MonoBehaviour.Frame();
        }
        for (Application.Quit(); !Application.HasQuit; Thread.Sleep(5)) MonoBehaviour.Frame();
        return 0;
    }

    private static string Do(ModepulseClient client, List<XElement> call)
    {
        switch (call[0].Value)
        {
            case "login": Put(client, "LOGIN", call); return "null";
            case "logout": Put(client, "LOGOUT", call); return "null";
            case "flush": return Finish(client, client.Flush(), call.Count > 1 ? call[1] : null);
            case "close":
                string sent = Finish(client, client.LogOutAll(), call[1]);
                typeof(ModepulseClient).GetField("ended", BindingFlags.NonPublic | BindingFlags.Instance).SetValue(client, true);
                return sent;
            case "totals":
                return "{\"queued\":" + client.Queued + ",\"accepted\":" + client.Accepted + ",\"applied\":" + client.Applied
                    + ",\"lost\":" + client.Lost + ",\"retries\":" + client.Retries + "}";
            case "losses": return "{" + string.Join(",", losses.Select(l => "\"" + l.Key + "\":" + l.Value)) + "}";
        }
        return "\"error: unknown call\"";
    }

    private static void Put(ModepulseClient client, string name, List<XElement> call)
    {
        bool now = call[4].Attribute("type").Value == "null";
        double? at = now ? (double?)null : double.Parse(call[4].Value, CultureInfo.InvariantCulture);
        client.Put(name, call[1].Value, call[2].Value, call[3].Value, at);
    }

    private static string Finish(ModepulseClient client, System.Collections.IEnumerator routine, XElement seconds)
    {
        Coroutine running = client.StartCoroutine(routine);
        double end = Time.realtimeSinceStartupAsDouble + double.Parse(seconds.Value, CultureInfo.InvariantCulture);
        while (MonoBehaviour.Running.Contains(running) && Time.realtimeSinceStartupAsDouble < end)
        {
            MonoBehaviour.Frame();
            Thread.Sleep(5);
        }
        return MonoBehaviour.Running.Contains(running) ? "false" : "true";
    }

    private static void Set(ModepulseClient client, XElement option)
    {
        string name = string.Concat(option.Name.LocalName.Split('_').Select(word => char.ToUpper(word[0]) + word.Substring(1)));
        FieldInfo field = typeof(ModepulseClient).GetField(name);
        field.SetValue(client, Convert.ChangeType(option.Value, field.FieldType, CultureInfo.InvariantCulture));
    }

    private static void Call(object target, string method)
    {
        target.GetType().GetMethod(method, BindingFlags.NonPublic | BindingFlags.Instance).Invoke(target, null);
    }

    private static XElement Read(string json)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(json);
        using (var reader = JsonReaderWriterFactory.CreateJsonReader(bytes, System.Xml.XmlDictionaryReaderQuotas.Max))
            return XElement.Load(reader);
    }
}
