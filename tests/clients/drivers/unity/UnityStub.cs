// The few parts of Unity that clients/unity uses, over .NET: coroutines, requests, JSON. For tests.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Runtime.Serialization.Json;
using System.Text;
using System.Threading.Tasks;
using System.Xml.Linq;

namespace UnityEngine
{
    public sealed class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string text) { }
    }

    public class YieldInstruction { }

    public class Coroutine : YieldInstruction
    {
        internal IEnumerator Routine;
        internal object Awaited;
        internal bool Done;

        internal bool Step()
        {
            var inner = Awaited as Coroutine;
            var request = Awaited as Networking.UnityWebRequestAsyncOperation;
            if ((inner != null && !inner.Done) || (request != null && !request.isDone)) return false;
            Done = !Routine.MoveNext();
            Awaited = Done ? null : Routine.Current;
            return true;
        }
    }

    public class MonoBehaviour
    {
        public static readonly List<Coroutine> Running = new List<Coroutine>();

        public Coroutine StartCoroutine(IEnumerator routine)
        {
            var started = new Coroutine { Routine = routine };
            started.Step();
            if (!started.Done) Running.Add(started);
            return started;
        }

        // One frame.
        public static void Frame()
        {
            foreach (var running in Running.ToArray()) running.Step();
            Running.RemoveAll(running => running.Done);
        }
    }

    public static class Time
    {
        private static readonly Stopwatch watch = Stopwatch.StartNew();
        public static double realtimeSinceStartupAsDouble { get { return watch.Elapsed.TotalSeconds; } }
    }

    public static class Application
    {
        public static event Func<bool> wantsToQuit;
        public static bool HasQuit;

        public static void Quit()
        {
            HasQuit = true;
            if (wantsToQuit != null)
                foreach (Func<bool> wants in wantsToQuit.GetInvocationList()) HasQuit &= wants();
        }
    }

    public static class Debug
    {
        public static void LogWarning(object message) { Console.Error.WriteLine(message); }
    }

    public static class JsonUtility
    {
        public static T FromJson<T>(string json)
        {
            if (json == "") return default(T);
            try
            {
                var reader = JsonReaderWriterFactory.CreateJsonReader(
                    Encoding.UTF8.GetBytes(json), System.Xml.XmlDictionaryReaderQuotas.Max);
                return (T)Read(XElement.Load(reader), typeof(T));
            }
            catch (System.Xml.XmlException error) { throw new ArgumentException("JSON parse error", error); }
        }

        // Of known fields; the others keep what their constructor gave them.
        private static object Read(XElement element, Type type)
        {
            if (type == typeof(string)) return element.Value;
            if (type.IsPrimitive) return Convert.ChangeType(element.Value, type);
            if (type.IsArray)
            {
                object[] items = element.Elements().Select(item => Read(item, type.GetElementType())).ToArray();
                var array = Array.CreateInstance(type.GetElementType(), items.Length);
                items.CopyTo(array, 0);
                return array;
            }
            object read = Activator.CreateInstance(type, true);
            foreach (XElement field in element.Elements())
            {
                var known = type.GetField(field.Name.LocalName);
                if (known != null) known.SetValue(read, Read(field, known.FieldType));
            }
            return read;
        }
    }
}

namespace UnityEngine.Networking
{
    public sealed class UploadHandlerRaw
    {
        internal readonly byte[] Data;
        public UploadHandlerRaw(byte[] data) { Data = data; }
    }

    public sealed class DownloadHandlerBuffer
    {
        public string text { get; internal set; }
    }

    public sealed class UnityWebRequestAsyncOperation : UnityEngine.YieldInstruction
    {
        internal Task Work;
        public bool isDone { get { return Work.IsCompleted; } }
    }

    public sealed class UnityWebRequest : IDisposable
    {
        private readonly HttpWebRequest request;
        private WebHeaderCollection answered;
        public UploadHandlerRaw uploadHandler;
        public DownloadHandlerBuffer downloadHandler;
        public int timeout;
        public long responseCode { get; private set; }

        public UnityWebRequest(string url, string method)
        {
            ServicePointManager.Expect100Continue = false;
            request = (HttpWebRequest)WebRequest.Create(url);
            request.Method = method;
            request.KeepAlive = false;
        }

        public void SetRequestHeader(string name, string value)
        {
            if (name == "Content-Type") request.ContentType = value;
            else request.Headers[name] = value;
        }

        public string GetResponseHeader(string name) { return answered == null ? null : answered[name]; }

        public UnityWebRequestAsyncOperation SendWebRequest()
        {
            return new UnityWebRequestAsyncOperation { Work = Task.Run(() => Send()) };
        }

        private void Send()
        {
            request.Timeout = timeout * 1000;
            try
            {
                using (var body = request.GetRequestStream()) body.Write(uploadHandler.Data, 0, uploadHandler.Data.Length);
                Read((HttpWebResponse)request.GetResponse());
            }
            catch (WebException error)
            {
                if (error.Response != null) Read((HttpWebResponse)error.Response);
            }
            catch (IOException) { }
        }

        private void Read(HttpWebResponse response)
        {
            using (response)
            using (var reader = new StreamReader(response.GetResponseStream()))
            {
                downloadHandler.text = reader.ReadToEnd();
                answered = response.Headers;
                responseCode = (long)response.StatusCode;
            }
        }

        public void Dispose() { }
    }
}
